# %% [markdown]
# # 01 · Softmax and temperature
#
# *One slider turns a network's verdict into everything it knows.*
#
# | | |
# |---|---|
# | **Time** | 50 minutes alone, 35 in class (skip 1.5) |
# | **Builds on** | basic Python; you have seen a neural network before |
#
# **After this lesson you can**
#
# - turn logits into probabilities without ever overflowing,
# - say what temperature changes and what it never changes,
# - read entropy as a number of "classes still in play",
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
image, label = mnist.test_images[1612], int(mnist.test_labels[1612])
logits = teacher(models.to_inputs(image))

plots.logits_of_digit(image, logits)

# %% [markdown]
# You and I see a 3. So does the teacher: its largest logit is at 3. But look at the *second* largest. The
# teacher has noticed that this 3 leans like a 5. That is worth knowing, and the label "3" does not say it.
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


probabilities = softmax(logits)
print("positive:", bool((probabilities > 0).all()), " sums to one:", bool((probabilities.sum() - 1).abs() < 1e-5))

# %% [markdown]
# > **Predict.** You add 5 to all ten logits. What happens to the probabilities?

# %%
print("same probabilities:", torch.allclose(softmax(logits + 5), probabilities))

# %% [markdown]
# Nothing happens. $e^{z+5} = e^5 e^z$, and the factor $e^5$ stands above and below the fraction line. Only the
# **differences** between logits count.
#
# > **Predict.** Now add 1000.

# %%
print(softmax(logits + 1000))

# %% [markdown]
# Mathematically nothing should have changed. But $e^{1000}$ is far beyond the largest number that a computer's
# float can hold (about $10^{38}$), so it becomes `inf`, and `inf / inf` is `nan`: *not a number*. One such value
# in a loss, and a training run is lost. The cure is the fact you have just seen: shift all logits by the same
# amount, and choose that amount well.
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
# Did you subtract the largest logit of the whole tensor? A row whose logits are all 2000 below it then becomes
# all zeros, and 0 / 0 is `nan` again. Each row needs its own maximum: `dim=-1, keepdim=True`.
# </details>
#
# ## 3 · One number that changes everything
#
# > **Predict.** In the picture above, the largest logit leads the second by the gap printed below. How much
# > probability will the second class get: about a tenth, a hundredth, or less than a thousandth?

# %% tags=["nbval-ignore-output"]
first, second = logits.topk(2).values
print(f"gap between the two largest logits: {first - second:.1f}")

# %%
print("the second gets less than one in a thousand:", bool(probabilities.topk(2).values[1] < 1e-3))

# %% [markdown]
# Almost nothing is left of it. The teacher knows that this 3 resembles a 5, and softmax has hidden it from us.
# **Temperature** brings it back. Divide every logit by a number $T$ first:
#
# $$p_i(T) = \frac{e^{z_i/T}}{\sum_j e^{z_j/T}}$$
#
# At $T = 1$ this is plain softmax. Now play.
#
# > **Goal.** Move $T$ alone, and make the 5 as likely as you can. How far do you get, and at which $T$ does it turn
# > around? Then watch the ranking under the bars: did any two bars ever change places?

# %%
goal = {"text": "Make the 5 as likely as you can", "metric": "probability", "class": 5, "at_least": 0.14}
widgets.TemperaturePanel(logits, images=image, goal={**goal, "temperature_only": True})

# %% [markdown]
# The 5 rises while the 3 gives way, then sinks again as the eight other digits claim their share. At very high $T$
# all ten get a tenth, and the knowledge is gone. Somewhere in between lies the useful range.
#
# The logits can be dragged too. Pull the 5 up until it meets the 3, and see what temperature does to two equals.
#
# ### ✎ Exercise 1.2 · Softmax with a temperature  (5 minutes, easy)
#
# The probabilities at a temperature are called **soft targets** when a student learns from them. Write
# `soft_targets(logits, temperature)`.


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
# > **Predict.** What does $p(T)$ become as $T$ goes to zero? As it goes to infinity? And can two curves cross
# > anywhere in between?

# %%
from kdlab.losses import soft_targets

temperatures = torch.logspace(-1, 2.5, 200)
curves = torch.stack([soft_targets(logits, t.item()) for t in temperatures])
plots.against_temperature(temperatures, curves, highlight=logits.topk(2).indices)

# %% [markdown]
# Read the picture from left to right.
#
# - **T → 0.** The winner takes everything: softmax becomes *argmax*, the hard label. (Two equal winners would share.)
# - **T → ∞.** Every difference $z_i/T$ vanishes, and all ten classes get 1/10.
# - **In between** the curves spread out like a fan, and never cross. Dividing by a positive number keeps the order,
#   and the exponential keeps it too.
#
# So temperature does not change *what* the teacher believes. It changes how loudly it says the rest.

# %%
ranking = logits.argsort()
print("T = 0.01 is the hard label:", bool(soft_targets(logits, 0.01)[label] > 0.999))
print("T = 1000 is nearly uniform:", bool((soft_targets(logits, 1000) - 0.1).abs().max() < 0.002))
print("same ranking at all 200 temperatures:", all(torch.equal(p.argsort(), ranking) for p in curves[60:]))

# %% [markdown]
# (The last line skips the coldest temperatures: there the small probabilities all round to zero, and zeros have no
# order. In exact arithmetic the ranking holds everywhere.)
#
# ### ✎ Exercise 1.3 · How hot must it be?  (10 minutes, medium)
#
# Divide one probability by another, and the sum below the fraction line cancels:
#
# $$\frac{p_i(T)}{p_j(T)} = e^{(z_i - z_j)/T}$$
#
# The right-hand side is called the **odds**. Suppose you want the winner to be just `odds` times as likely as the
# runner-up, whose logit is lower by `gap`. Which temperature do you need? (`math.log` is the natural logarithm.)


# %%
def temperature_for_odds(gap, odds):
    """The temperature at which a class whose logit is `gap` lower than the first is `odds` times less likely."""
    ...


lesson.temperature_for_odds.check(temperature_for_odds)
# lesson.temperature_for_odds.hint()
# lesson.temperature_for_odds.solution()

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
# There p rounds to 0, log(0) is -inf, and 0 · (-inf) is `nan`. Do not form p first and take its logarithm after:
# `torch.log_softmax` computes ln p directly and stays finite.
# </details>
#
# > **Predict.** Three digits: one that the teacher is sure about, our leaning 3, and one that it finds hard. Draw in
# > your mind how the entropy of each moves with $T$.

# %%
from kdlab.losses import entropy

test_logits = teachers.predict_logits(teacher, models.to_inputs(mnist.test_images))
by_doubt = entropy(test_logits, 4.0).argsort()
three = torch.stack([by_doubt[0], torch.tensor(1612), by_doubt[-1]])

curves = torch.stack([entropy(test_logits[three], t.item()) for t in temperatures], dim=1)
plots.entropy_curves(mnist.test_images[three], temperatures, curves)

# %% [markdown]
# All three climb from 0 to ln 10 and never turn back: more heat, more uncertainty, always. But they climb at
# different temperatures. The sure digit needs a lot of heat before a second class gets a say; the hard one is warm
# already at $T = 1$. A single temperature for the whole data set is a compromise between them, and lesson 06 comes
# back to it.
#
# Why never back? Differentiate $H$ by $T$ and you find $dH/dT = \mathrm{Var}_p(z)/T^3$, the variance of the logits
# under the soft targets. A variance is never negative. Autograd agrees:

# %%
T = torch.tensor(3.0, requires_grad=True)
log_p = torch.log_softmax(logits / T, dim=-1)
slope, = torch.autograd.grad(-(log_p.exp() * log_p).sum(), T)
p = log_p.exp().detach()
variance = (p * logits**2).sum() - (p * logits).sum() ** 2
print("dH/dT is Var(z) / T³:", torch.allclose(slope, variance / 3.0**3, rtol=1e-3))

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
# > for the 7s?

# %%
true = torch.from_numpy(mnist.test_labels)
mean_targets = torch.stack([soft_targets(test_logits[true == digit], 4.0).mean(0) for digit in range(10)])
plots.resemblance(mean_targets, "mean soft target at T = 4")

# %% [markdown]
# Each row is one kind of digit; its diagonal cell is left out so that the rest can be seen. Find the darkest cell of
# row 4: it is 9, and row 9 returns the compliment. Nobody ever told the network that a 4 looks like a 9. It was given
# 50 000 pictures and 50 000 bare labels, and it drew this map of resemblances by itself.
#
# The map is an average. The real treasure is that **every picture has its own row**. Here are 4s which the teacher gets
# right, and the class that each resembles next:

# %%
fours = (true == 4) & (test_logits.argmax(-1) == 4)
second = test_logits.topk(2).indices[:, 1]
strength = soft_targets(test_logits, 4.0).topk(2).values[:, 1]
shown = torch.stack([(strength * (fours & (second == c))).argmax() for c in (9, 6, 7, 8, 2, 1)])
plots.digits(mnist.test_images[shown], [f"a 4 like a {c}" for c in (9, 6, 7, 8, 2, 1)])

# %% [markdown]
# Six times the label says "4". Six times the soft target says something else as well: this 4 is nearly closed, that
# one has a long tail. A **student** that learns from soft targets is told all of it, with every single picture. That is
# knowledge distillation, and the next three lessons build it.
#
# > **Goal.** Pick digits below. Find one where the runner-up gets more than 20 % at $T = 4$, and one where *three*
# > classes get more than 10 %. Can you see why, in the picture?

# %%
gallery = torch.cat([shown, by_doubt[-20:-8]])
widgets.TemperaturePanel(
    test_logits[gallery], images=mnist.test_images[gallery], labels=true[gallery], temperature=4.0, editable=False
)

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
# - Odds are $e^{\mathrm{gap}/T}$. Entropy grows with T, from 0 to $\ln C$.
# - Below the winner, a network keeps what the label never said: which other classes this very picture resembles.
#
# **Left out.** Whether the probabilities are honest: does 80 % mean "right eight times out of ten"? That is
# calibration, where a temperature chosen on validation data helps too (lesson 05; Guo et al. 2017). Temperature in
# text generation sharpens or flattens the choice of the next word (lesson 11).
#
# **References**
#
# - G. Hinton, O. Vinyals, J. Dean: *Distilling the Knowledge in a Neural Network*, 2015, arXiv 1503.02531. Section 2
#   introduces the temperature.
# - C. Guo, G. Pleiss, Y. Sun, K. Weinberger: *On Calibration of Modern Neural Networks*, ICML 2017, arXiv 1706.04599.
# - Y. LeCun, C. Cortes, C. Burges: the MNIST database of handwritten digits.
#
# **Next:** [02 · KL divergence](02_kl_divergence.ipynb), how to measure the distance between two such answers.
