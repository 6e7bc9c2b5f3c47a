# %% [markdown]
# # 01 · Softmax and temperature
#
# *One slider turns a network's verdict into everything it knows.*
#
# | | |
# |---|---|
# | **Time** | 70 minutes alone, 45 in class (skip exercises 1.3, 1.5 and the box in section 5) |
# | **Builds on** | basic Python; you have seen a neural network before; tensors in PyTorch (shapes, indexing, sums along a dimension), $e^x$ and $\ln x$. Later lessons also use the chain rule, expectation and variance |
#
# **After this lesson you can**
#
# - turn logits into probabilities without ever overflowing,
# - say what temperature changes and what it never changes,
# - read entropy as a number of classes still in play,
# - find, in a trained network, what the label does not tell you.

# %%
import math

import torch

import kdlab
from kdlab import data, models, plots, teachers, widgets
from kdlab.exercises import softmax_and_temperature as lesson

kdlab.setup()
mnist = data.load_mnist()
teacher = teachers.load_mnist_teacher()

# %% [markdown]
# ## 1 · Ten numbers about one digit
#
# Above you loaded a **teacher**: a network with 2.4 million weights that has studied 50 000 handwritten digits.
# Show it a digit that it has never seen, and it answers with ten numbers, one for each class. They are called
# **logits**. A larger logit means "looks more like it"; nothing else is promised. Logits can be negative, and
# they add up to nothing in particular.

# %%
image, label = mnist.test_images[2618], int(mnist.test_labels[2618])
logits = teacher(models.to_inputs(image))

plots.logits_of_digit(image, logits)

# %% [markdown]
# You and I see a 3. So does the teacher: its largest logit is at 3. But look at the *second* largest. The bar on top and
# the stroke that comes down on the left could belong to a 5, and the teacher has noticed. It is also very sure of one thing that
# nobody asked about: whatever this is, it is no 4. All that is worth knowing, and the label "3" does not say it.
#
# A whole course follows from that one observation. First we need a way to turn scores into probabilities.
#
# ## 2 · From scores to probabilities
#
# Probabilities must be positive and sum to one. The exponential makes anything positive, and dividing by the sum
# does the rest. That is **softmax**:
#
# $$p_i = \frac{e^{z_i}}{\sum_j e^{z_j}}$$


# %%
def softmax(logits):
    exponentials = torch.exp(logits)
    return exponentials / exponentials.sum(dim=-1, keepdim=True)


scores = torch.tensor([3.0, 2.0, 0.5, -1.0])
probabilities = softmax(scores)
assert (probabilities > 0).all() and torch.allclose(probabilities.sum(), torch.tensor(1.0))
print("all positive, and they sum to one: ok")

# %% [markdown]
# > **Predict.** You add 5 to all four scores. Which probabilities grow, and which shrink?

# %%
shifted = softmax(scores + 5)
assert torch.allclose(shifted, probabilities, atol=1e-6)
plots.two_distributions(probabilities, shifted, "softmax of 3, 2, 0.5, -1", "softmax of 8, 7, 5.5, 4")

# %% [markdown]
# <details><summary>What happened</summary>
#
# Nothing happens. $e^{z+5} = e^5 e^z$, and the factor $e^5$ stands above and below the fraction line. Only the
# **differences** between logits count.
# </details>
#
# > **Predict.** Now add 1000.

# %%
print(softmax(scores + 1000))

# %% [markdown]
# <details><summary>What happened</summary>
#
# Mathematically nothing should have changed. But $e^{1000}$ is far beyond the largest number that a computer's
# float can hold (about $10^{38}$), so it becomes `inf`, and `inf / inf` is `nan`: *not a number*. One such value
# in a loss, and a training run is lost.
# </details>
#
# The cure is the fact that you saw before: shift all logits by the same amount, and choose that amount well.
#
# ### ✎ Exercise 1.1 · A softmax that never overflows  (10 minutes, easy)
#
# Write `stable_softmax(logits)`. It must work for one row and for a batch of rows, at any size of logits.


# %%
def stable_softmax(logits):
    """Probabilities along the last axis, same shape as `logits`; safe for logits of any size."""
    ...


lesson.stable_softmax.check(stable_softmax)
# lesson.stable_softmax.hint()
# lesson.stable_softmax.solution()

# %% [markdown]
# <details><summary>My result is still <code>nan</code> in one row of two</summary>
#
# Are all rows shifted by the same amount? A row that ends up 2000 below zero becomes all zeros, and 0 / 0 is `nan` again.
# </details>
#
# <details><summary>PyTorch complains that sizes must match</summary>
#
# A sum or a maximum along the last axis has lost that axis. With `keepdim=True` it keeps it, with length one, and then
# fits against the rows it came from.
# </details>
#
# ## 3 · One number that changes everything
#
# > **Predict.** In the picture above, the largest logit leads the second by about 9. How much probability will the second
# > class get: about one in ten, one in a hundred, or one in ten thousand?

# %% tags=["nbval-ignore-output"]
first, second = logits.topk(2).values
assert 8.5 < first - second < 10
print(f"the gap is {first - second:.2f}, the probability of the second is {softmax(logits)[5]:.6f}")

# %% [markdown]
# <details><summary>What happened</summary>
#
# Almost nothing is left of it: a gap of 9 means a ratio of $e^9 \approx 8000$. The teacher knows that this 3 resembles a 5,
# and softmax has hidden it from us. Can we bring it back?
# </details>
#
# Suppose all logits were divided by 9. The gap would shrink to 1, and the ratio to $e^1 \approx 2.7$: suddenly the 5 has a
# voice. The number by which we divide is the **temperature** $T$:
#
# $$p_i(T) = \frac{e^{z_i/T}}{\sum_j e^{z_j/T}}$$
#
# At $T = 1$ this is plain softmax. Now play.
#
# > **Goal.** Move $T$ alone, and make the 5 as likely as you can. How far do you get, and at which $T$ does it turn
# > around? And one question to look out for: does any bar ever overtake another?

# %%
goal = {"text": "Make the 5 as likely as you can", "metric": "probability", "class": 5, "at_least": 0.23}
widgets.TemperaturePanel(logits, images=image, goal={**goal, "temperature_only": True})

# %% [markdown]
# <details><summary>How far you get</summary>
#
# The 5 rises while the 3 gives way. It turns around near $T = 11$, with about 23 %, and then sinks, although nothing pushes
# it down: the eight other digits wake up one after another and claim their share. At very high $T$ all ten have a tenth,
# and the knowledge is gone. Somewhere in between lies the useful range.
# </details>
#
# The logits can be dragged, too. Pull the 5 up until it meets the 3, and see what temperature does to two equals.
#
# ### ✎ Exercise 1.2 · Softmax with a temperature  (5 minutes, easy)
#
# Probabilities at a raised temperature are called **soft targets** (many texts say *soft labels*), because a student will
# take aim at them. Write `soft_targets(logits, temperature)`.


# %%
def soft_targets(logits, temperature=1.0):
    """Softened probabilities along the last axis, same shape as `logits`."""
    ...


lesson.soft_targets.check(soft_targets)
# lesson.soft_targets.hint()
# lesson.soft_targets.solution()

# %% [markdown]
# From here on the lesson uses kdlab's own `soft_targets`, which does the same, so that an unfinished exercise never
# stops you.
#
# ## 4 · The two ends of the slider
#
# > **Predict.** Draw one curve for each class: its probability against $T$. Which curves rise all the way? Which one falls
# > all the way? Which rise first and fall later? What is on the far left?

# %%
from kdlab.losses import soft_targets

temperatures = torch.logspace(-1, 2.5, 200)
curves = torch.stack([soft_targets(logits, t.item()) for t in temperatures])
plots.against_temperature(temperatures, curves, highlight=logits.topk(2).indices)

# %% [markdown]
# Read the picture from left to right.
#
# <details><summary>What happened</summary>
#
# - **T → 0.** The winner takes everything: softmax becomes *argmax*, the hard label. (Two equal winners would share.)
# - **T → ∞.** Every difference $z_i/T$ vanishes, and all ten classes get 1/10.
# - **In between** the winner always falls and the last always rises. The others may rise first and sink later, as the
#   5 does.
# - **Nowhere** do two curves cross. Dividing by a positive number keeps the order, and the exponential keeps it too.
# </details>
#
# So temperature does not change *what* the teacher believes. It changes how loudly it says the rest.

# %%
ranking = logits.argsort()
rankings = [soft_targets(logits.double(), t.item()).argsort() for t in temperatures]
assert soft_targets(logits, 0.01)[label] > 0.999
assert (soft_targets(logits, 1000) - 0.1).abs().max() < 0.005
assert all(torch.equal(each, ranking) for each in rankings)
peak = curves[:, 5].argmax()
assert 10 < temperatures[peak] < 13 and 0.22 < curves[peak, 5] < 0.25
print("T = 0.01 is the hard label, T = 1000 is uniform to within half a percent: ok")
print("the 5 is likeliest near T = 11, with about 23 %: ok")
print("the ranking is the same at all 200 temperatures: ok")

# %% [markdown]
# (The ranking is checked in double precision. In single precision the small probabilities at the coldest temperatures all
# round to zero, and zeros have no order.)
#
# ### ✎ Exercise 1.3 · How hot must it be?  (10 minutes, medium)
#
# Divide one probability by another, and the sum below the fraction line cancels:
#
# $$\frac{p_i(T)}{p_j(T)} = e^{(z_i - z_j)/T}$$
#
# Suppose you want the winner to be just `ratio` times as likely as the runner-up, whose logit is lower by `gap`. Which
# temperature do you need? (`math.log` is the natural logarithm.) When you have it, work out the temperature at which our 3
# is exactly twice as likely as the 5, go back to the panel, and set it.


# %%
def temperature_for_ratio(gap, ratio):
    """The temperature at which a class whose logit is `gap` lower than the first is `ratio` times less likely."""
    ...


lesson.temperature_for_ratio.check(temperature_for_ratio)
# lesson.temperature_for_ratio.hint()
# lesson.temperature_for_ratio.solution()

# %% [markdown]
# ## 5 · How many classes are still in play?
#
# "Nearly uniform" and "nearly certain" deserve a number. **Entropy** measures how uncertain a distribution leaves
# you, in *nats* when the logarithm is natural:
#
# $$H(p) = -\sum_i p_i \ln p_i$$
#
# It is 0 when one class has everything, and $\ln 10 \approx 2.30$ when ten classes share alike. A handy way to read it:
# $e^H$ is the number of equally likely classes that would leave you just as uncertain.
#
# ### ✎ Exercise 1.4 · Entropy  (10 minutes, medium)
#
# Write `entropy(logits, temperature)`: one number for each row. It must survive probabilities that round to zero.


# %%
def entropy(logits, temperature=1.0):
    """Entropy in nats of the soft targets, one number for each distribution."""
    ...


lesson.entropy.check(entropy)
# lesson.entropy.hint()
# lesson.entropy.solution()

# %% [markdown]
# <details><summary>My entropy is <code>nan</code> for a confident row</summary>
#
# There p rounds to 0, ln 0 is -inf, and 0 · (-inf) is `nan`. Softmax is an exponential divided by a sum: what is its
# logarithm on paper, before anything is rounded? PyTorch has a function for it.
# </details>
#
# > **Predict.** The figure below shows three digits: one that the teacher is sure about, our leaning 3, and one that it
# > finds hard. Cover the curves with your hand. At $T = 1$, how many classes are in play for each? And at $T = 100$?

# %%
from kdlab.losses import entropy

test_logits = teachers.predict_logits(teacher, models.to_inputs(mnist.test_images))
by_doubt = entropy(test_logits, 4.0).argsort()
three = [int(by_doubt[0]), 2618, 6560]

curves = torch.stack([entropy(test_logits[three], t.item()) for t in temperatures], dim=1)
plots.entropy_curves(mnist.test_images[three], ["sure", "leaning", "hard"], temperatures, curves)

# %% [markdown]
# Read the right-hand scale: it is $e^H$, the number of classes in play.
#
# <details><summary>What happened</summary>
#
# All three climb from one class to ten and never turn back, but at different temperatures. The sure digit needs a lot of heat
# before a second class gets a say; the hard one is warm already at $T = 1$.
# </details>
#
# A single temperature for a whole data set is a compromise between such digits, and lesson 06 comes back to it.
#
# <details><summary><b>For the curious: why does entropy never turn back, and where does the 5 turn?</b></summary>
#
# Differentiate $p_i(T)$ and one line answers both questions. With $\mathrm{E}_p[z] = \sum_j p_j z_j$, the mean logit:
#
# $$\frac{dp_i}{dT} = \frac{p_i}{T^2}\,\big(\mathrm{E}_p[z] - z_i\big)$$
#
# A class grows as long as its logit lies *below* the mean logit, and that mean sinks as $T$ rises. The winner is always
# above it, the last always below; the 5 turns exactly where the sinking mean passes its own logit. Insert this into
# $H = -\sum p_i \ln p_i$ with $\ln p_i = z_i/T - \text{const}$, and you get $dH/dT = \mathrm{Var}_p(z)/T^3$. A variance is
# never negative, so entropy never falls. The next cell checks both with PyTorch's automatic differentiation.
# </details>

# %%
T = torch.tensor(3.0, requires_grad=True)
p = torch.softmax(logits / T, dim=-1)
slope_of_5 = torch.autograd.grad(p[5], T, retain_graph=True)[0]
slope_of_entropy = torch.autograd.grad(-(p * p.log()).sum(), T)[0]
p, mean = p.detach(), (p.detach() * logits).sum()
assert torch.allclose(slope_of_5, p[5] / 3**2 * (mean - logits[5]), rtol=1e-3)
assert torch.allclose(slope_of_entropy, (p * (logits - mean) ** 2).sum() / 3**3, rtol=1e-3)
print("both slopes agree with autograd: ok")

# %% [markdown]
# ## 6 · Dark knowledge
#
# The winner is what the label says. Everything below the winner is what the label does *not* say. Geoffrey Hinton
# called it **dark knowledge**: it was in the network all along, in ratios too small to see.
#
# ### ✎ Exercise 1.5 · Who comes second?  (5 minutes, easy)


# %%
def runner_up(logits):
    """The class with the second largest logit in each row, as integers."""
    ...


lesson.runner_up.check(runner_up)
# lesson.runner_up.hint()
# lesson.runner_up.solution()

# %% [markdown]
# > **Predict.** Take all test digits that are truly a 4 and average their soft targets. Which class comes second? And
# > for the 7s, and the 1s?

# %%
true = torch.from_numpy(mnist.test_labels)
mean_targets = torch.stack([soft_targets(test_logits[true == digit], 4.0).mean(0) for digit in range(10)])
plots.resemblance(mean_targets, "mean soft target at T = 4")

# %% [markdown]
# Each row is one kind of digit; its diagonal cell is left out so that the rest can be seen, and a frame marks each row's
# largest.
#
# <details><summary>What happened</summary>
#
# Row 4 says 9, and row 9 returns the compliment. The 7 leans towards 9 as well, with 2 behind it; the 1, more surprisingly,
# towards 8.
# </details>
#
# Nobody ever told the network which digits look alike. It was given 50 000 pictures and 50 000 bare labels, and it drew this
# map of resemblances by itself.
#
# The map is an average. The real treasure is that **every picture has its own row**. Here are 4s which the teacher gets
# right, and the class that each resembles next:

# %%
fours = (true == 4) & (test_logits.argmax(-1) == 4)
second = test_logits.topk(2).indices[:, 1]
strength = soft_targets(test_logits, 4.0).topk(2).values[:, 1]
shown = torch.stack([(strength * (fours & (second == c))).argmax() for c in (9, 6, 7, 8, 2, 1)])
plots.digits(mnist.test_images[shown], [f"next: {c}" for c in (9, 6, 7, 8, 2, 1)])

# %% [markdown]
# Six times the label says "4". Six times the soft target says something else as well: one is closed at
# the top like a 9, one has the belly of a 6. A **student** that learns from soft targets is told all of it, with every single picture. That is
# knowledge distillation, and the next three lessons build it.
#
# > **Goal.** Below are sure digits, doubtful ones, and some that the teacher gets *wrong*. Find one where the second class
# > gets more than 90 % of the first's share. Can you see why, in the picture?
#
# > **Discuss.** Where the teacher is wrong, what would its soft target teach a student? Is it worse than no teacher?

# %%
mistakes = (test_logits.argmax(-1) != true).nonzero()[:, 0]
gallery = torch.cat([by_doubt[[0, 2000, 5000, 8000]], shown[:4], mistakes[[0, 1, 3, 4, 7]]])
chosen = {"images": mnist.test_images[gallery], "labels": true[gallery]}
widgets.TemperaturePanel(test_logits[gallery], **chosen, temperature=4.0, editable=False)

# %% [markdown]
# ## Quiz

# %%
lesson.quiz

# %% [markdown]
# ## Summary
#
# - Logits are scores; only their differences count. Softmax turns them into probabilities. Subtract the largest logit
#   first, and nothing overflows.
# - Temperature divides the logits. T → 0 gives the hard label, T → ∞ the uniform distribution, and the ranking is the
#   same at every T.
# - The ratio of two probabilities is $e^{\mathrm{gap}/T}$. Entropy grows with T, from 0 to $\ln C$.
# - Below the winner, a network keeps what the label never said: which other classes this very picture resembles.
#
# **Left out.** Whether the probabilities are honest: does 80 % mean "right eight times out of ten"? That is
# calibration, where a temperature chosen on validation data helps too (lesson 05; Guo et al. 2017). Temperature in
# text generation sharpens or flattens the choice of the next word (lesson 12).
#
# **References**
#
# - G. Hinton, O. Vinyals, J. Dean: *Distilling the Knowledge in a Neural Network*, 2015, arXiv 1503.02531. Section 2
#   introduces the temperature.
# - G. Hinton, O. Vinyals, J. Dean: *Dark Knowledge*, talk at TTI Chicago, 2014: the name.
# - C. Guo, G. Pleiss, Y. Sun, K. Weinberger: *On Calibration of Modern Neural Networks*, ICML 2017, arXiv 1706.04599.
# - Y. LeCun, C. Cortes, C. Burges: the MNIST database of handwritten digits.
#
# **Next:** [02 · KL divergence](02_kl_divergence.ipynb), how to measure the distance between two such answers.
