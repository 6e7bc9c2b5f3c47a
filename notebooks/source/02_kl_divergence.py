# %% [markdown]
# # 02 · KL divergence
#
# *How wrong is an answer? One number says it, if you know which way round to read it.*
#
# | | |
# |---|---|
# | **Time** | 80 minutes alone, 50 in class (skip exercises 2.3 and 2.4) |
# | **Builds on** | [01 · Softmax and temperature](01_softmax_and_temperature.ipynb) |
#
# **After this lesson you can**
#
# - say what entropy, cross-entropy and KL cost, in bits and in nats,
# - tell the two directions of KL apart, and predict what each does to a student that is too small,
# - choose between KL, Jensen-Shannon and squared error,
# - call PyTorch's `F.kl_div` correctly, and recognise from its symptoms a call that is wrong.

# %%
import math
import warnings

import torch
from torch.nn import functional as F

import kdlab
from kdlab import data, models, plots, teachers, widgets
from kdlab.exercises import kl_divergence as lesson
from kdlab.losses import soft_targets

kdlab.setup()
mnist = data.load_mnist()
teacher = teachers.load_mnist_teacher()

# %% [markdown]
# ## 1 · Two students, one verdict
#
# You know this digit: a 3 that leans like a 5. On the left, what the teacher says about it at $T = 8$. Beside it stand
# two students, made up for this page. Both are certain enough that it is a 3. In fact both give the 3 *exactly* as much
# as the teacher does.
#
# > **Predict.** Which of the two has learned from this teacher? Which of these can tell them apart: accuracy, or the
# > usual loss against the label?

# %%
image, label = mnist.test_images[2618], int(mnist.test_labels[2618])
p = soft_targets(teacher(models.to_inputs(image)), 8.0)

others = torch.tensor([c for c in range(10) if c != label])
student_a, student_b = p.clone(), p.clone()
student_a[others] = 0.7 * p[others] + 0.3 * p[others].mean()  # a little too flat
ranked = others[p[others].argsort()]
student_b[ranked] = p[ranked.flip(0)]  # the same numbers, to the wrong classes

print("same verdict:", int(student_a.argmax()) == int(student_b.argmax()) == label)
print("same loss against the label:", bool(-student_a[label].log() == -student_b[label].log()))
plots.answers(image, [p, student_a, student_b], ["teacher", "student A", "student B"])

# %% [markdown]
# <details><summary>What happened</summary>
#
# Neither can. Accuracy looks at the winner, the label loss at the 3, and there the students agree. But A has heard what
# the teacher said about the 5, and B tells the opposite.
# </details>
#
# To train on soft targets we need a measure that looks at **every** class. This lesson builds it.
#
# ## 2 · The price of a surprise
#
# A weather station reports one word a day: sun on half of the days, rain on a quarter, fog and snow on an eighth each.
# Every bit costs money, so frequent words get short code words: `0` for sun, `10` for rain, `110` for fog, `111` for
# snow. A word of probability $p$ then costs $\log_2(1/p)$ bits, and no code is cheaper on average. That mean price is
# the **entropy** of lesson 01, now in bits.
#
# But suppose the station came from a place $q$ where all four are equally likely, and still uses that place's code: two
# bits for every word. The mean price of $p$'s words in $q$'s code is the **cross-entropy**, and what you pay in excess
# is the **Kullback-Leibler divergence**:
#
# $$\mathrm{KL}(p\|q) \;=\; \underbrace{\sum_i p_i \log\frac{1}{q_i}}_{\text{cross-entropy: what you pay}}
# - \underbrace{\sum_i p_i \log\frac{1}{p_i}}_{\text{entropy: what you had to pay}}
# \;=\; \sum_i p_i \log\frac{p_i}{q_i}$$
#
# > **Predict.** How many bits a word does the wrong code waste?

# %%
words = ["sun", "rain", "fog", "snow"]
weather = torch.tensor([1 / 2, 1 / 4, 1 / 8, 1 / 8])
code_for = torch.tensor([1 / 4, 1 / 4, 1 / 4, 1 / 4])

needed = -(weather * weather.log2()).sum()  # entropy
paid = -(weather * code_for.log2()).sum()  # cross-entropy
wasted = (weather * (weather / code_for).log2()).sum()  # KL
print(f"{paid:g} bits paid - {needed:g} bits needed = {wasted:g} bits wasted")
plots.code_prices(weather, code_for, words)

# %% [markdown]
# In the picture the width of a box is how often a word comes and its height what it costs, so areas are mean prices.
#
# <details><summary>What happened</summary>
#
# Sun has become dearer (hatched), fog and snow cheaper (dotted). The savings are rare, the extra cost is frequent, and
# the sum is a loss. It always is, as section 3 shows.
# </details>
#
# **Bits or nats.** With the natural logarithm the same numbers come out in *nats*: one bit is $\ln 2 \approx 0.693$
# nats. PyTorch, and this course from here on, count in nats.
#
# ### ✎ Exercise 2.1 · KL from probabilities  (10 minutes, easy)
#
# Write `kl_from_probabilities(p, q)`. A class with $p_i = 0$ costs nothing, whatever $q_i$ is. A class with $q_i = 0$ that
# does happen costs infinitely much: the code has no word for it.


# %%
def kl_from_probabilities(p, q):
    """KL(p || q) in nats, one number for each row of probabilities."""
    ...


lesson.kl_from_probabilities.check(kl_from_probabilities)
# lesson.kl_from_probabilities.hint()
# lesson.kl_from_probabilities.solution()

# %% [markdown]
# <details><summary>I get <code>nan</code> for a row with a zero</summary>
#
# `0 * log(0)` is `0 * -inf`, and that is `nan`. The limit of $x \log x$ at 0 is 0, but floating point does not know.
# `torch.xlogy(p, q)` is `p * torch.log(q)`, and 0 wherever p is 0. (A `torch.where` around the terms hides the `nan` from
# the value, but not from its gradient, and a loss would die of it.)
# </details>
#
# Now the two students of section 1. How many nats would each waste if it had to encode the teacher's opinion?


# %%
def kl(p, q):
    return (p * (p / q).log()).sum(-1)


waste_a, waste_b = kl(p, student_a), kl(p, student_b)
print("A wastes less than a tenth of what B wastes:", bool(waste_a < waste_b / 10))

# %% [markdown]
# That is the measure we wanted. One more fact makes it fit for training: the teacher's entropy does not depend on the
# student. So **cross-entropy with soft targets and KL differ by a constant, and have the same gradient.** Papers and
# libraries use one or the other; the student cannot tell. (We can: KL is 0 when the student has arrived.)

# %%
student_logits = torch.zeros(10, requires_grad=True)
log_q = student_logits.log_softmax(-1)
(from_kl,) = torch.autograd.grad((p * (p.log() - log_q)).sum(), student_logits, retain_graph=True)
(from_cross_entropy,) = torch.autograd.grad(-(p * log_q).sum(), student_logits)
print("same gradient:", torch.allclose(from_kl, from_cross_entropy, atol=1e-6))

# %% [markdown]
# ### Check your sources
#
# One of the articles that this course was written to improve on (`002_5d84a4db16eef704.txt`, about distilling language
# models) works an example: a teacher with "logits" (0.8, 0.2), a student with (0.7, 0.3), and 0.0201 as their KL. Let us
# try every reading of that sentence.

# %%
a, b = torch.tensor([0.8, 0.2]).double(), torch.tensor([0.7, 0.3]).double()
readings = {
    "probabilities, in nats": kl(a, b),
    "probabilities, in bits": kl(a, b) / math.log(2),
    "probabilities, reversed": kl(b, a),
    "logits, as the text says": kl(a.softmax(-1), b.softmax(-1)),
    "logits, reversed": kl(b.softmax(-1), a.softmax(-1)),
}
for reading, value in readings.items():
    print(f"{value:.5f}  {reading}")
print("0.0201 is one of them:", any(abs(value - 0.0201) < 1e-4 for value in readings.values()))

# %% [markdown]
# None of them gives 0.0201. The two rows of numbers sum to one: they are probabilities, and were called logits by
# mistake. The function the article calls would have answered 0.0257, so the printed result was never printed by
# that code. Two lessons: *run what you read*, and *always know whether you hold logits, probabilities or
# log-probabilities*. Half of this lesson's last section is about confusing the three.
#
# ## 3 · Never negative
#
# > **Predict.** Fog and snow were cheaper in the wrong code: their terms in the sum are negative. Can the whole sum
# > ever be negative, for some other $p$ and $q$?

# %%
generator = torch.Generator().manual_seed(2)
many_p = (3 * torch.randn(10_000, 5, generator=generator)).softmax(-1)
many_q = (3 * torch.randn(10_000, 5, generator=generator)).softmax(-1)
terms = many_p * (many_p / many_q).log()
print("negative terms in most rows:", bool((terms < 0).any(-1).float().mean() > 0.5))
print("negative sums among 10 000:", int((terms.sum(-1) < 0).sum()))
plots.logarithm_and_tangent()

# %% [markdown]
# Not once. The reason is in the picture: the curve $\ln x$ lies below its tangent $x - 1$, and touches it at $x = 1$ only.
# Put $x = q_i/p_i$ and average with weights $p_i$:
#
# $$-\mathrm{KL}(p\|q) = \sum_i p_i \ln\frac{q_i}{p_i} \;\le\; \sum_i p_i\left(\frac{q_i}{p_i} - 1\right)
# = \sum_i q_i - \sum_i p_i \;\le\; 0$$
#
# Both sides are equal only if every $q_i/p_i$ is 1. So KL is 0 when the two agree, and positive whenever they do not.
#
# It looks like a distance. It is not one: it has a direction.
#
# ## 4 · Which way round?
#
# > **Predict.** The teacher's coin falls on heads 7 times in 10. Draw $\mathrm{KL}(p\|q)$ against the student's $q$. What
# > happens at $q = 0$ and at $q = 1$? And what does $\mathrm{KL}(q\|p)$ do there?

# %%
q = torch.sigmoid(torch.linspace(-12, 12, 600))
heads = torch.tensor(0.7)
p_coin = torch.stack([heads, 1 - heads]).expand(600, 2)
q_coin = torch.stack([q, 1 - q], dim=-1)
middle = (p_coin + q_coin) / 2

curves = {"KL(p‖q)": kl(p_coin, q_coin), "KL(q‖p)": kl(q_coin, p_coin)}
curves["JS"] = (kl(p_coin, middle) + kl(q_coin, middle)) / 2
plots.coin_divergences(q, curves, 0.7)

# %% [markdown]
# <details><summary>What happened</summary>
#
# Near the bottom the two KL curves lie together: for small errors the direction hardly matters. Far away it decides.
# $\mathrm{KL}(p\|q)$ goes to **infinity** at both ends, because there the student calls something impossible that the
# teacher has seen. $\mathrm{KL}(q\|p)$ stays finite: a student that says only "heads" is never caught saying something that
# the teacher rules out. (The third curve is Jensen-Shannon, section 6.)
# </details>
#
# - **Forward, KL(teacher‖student).** Asks, wherever the *teacher* puts weight: is the student there too?
# - **Reverse, KL(student‖teacher).** Asks, wherever the *student* puts weight: does the teacher approve?
#
# Below, $p$ and $q$ are bars that you can drag; the others share what is left. Under them stands what each class adds.
#
# > **Goal.** Make $\mathrm{KL}(p\|q)$ at least 3 nats while $\mathrm{KL}(q\|p)$ stays at 0.3 or less. Then press *Swap*.

# %%
widgets.DivergencePanel(
    [0.40, 0.30, 0.15, 0.10, 0.05],
    [0.10, 0.20, 0.30, 0.20, 0.20],
    classes=["cat", "lynx", "dog", "fox", "bus"],
    goal={
        "text": "KL(p‖q) ≥ 3 nats while KL(q‖p) ≤ 0.3",
        "at_least": {"forward": 3.0},
        "at_most": {"reverse": 0.3},
    },
)

# %% [markdown]
# <details><summary>I cannot get there</summary>
#
# Press *Copy p to q*: now both are 0. Then take one bar of $q$ all the way down to 0. Which bars will do, and which
# are too large? ($\mathrm{KL}(q\|p)$ becomes $-\ln(1 - p_i)$: work out why.)
# </details>
#
# One class that the student has dropped is enough for the forward direction to become infinite, while the reverse
# direction hardly notices. Also watch the last of the small figures: in JS no class ever counts negative, and the total
# stops at $\log 2$ however hard you try.
#
# In distillation, where both sides come out of a softmax, no probability is exactly 0. But it can be $10^{-9}$, and
# its logarithm is what counts. That is why losses are computed from **logits**, in log space.
#
# ### ✎ Exercise 2.2 · KL from logits  (10 minutes, medium)
#
# Write the forward KL as a loss: from logits, at a temperature, the mean over all distributions. It must work for one
# row, for (batch, classes) and for (batch, tokens, classes). Arguments come in the order student, teacher: as in every
# loss of this course.


# %%
def kl_divergence(student_logits, teacher_logits, *, temperature=1.0):
    """KL(teacher || student) of the soft targets in nats: the mean over all distributions."""
    ...


lesson.kl_divergence.check(kl_divergence)
# lesson.kl_divergence.hint()
# lesson.kl_divergence.solution()

# %% [markdown]
# <details><summary>Mine is right for small logits and <code>nan</code> or off for large ones</summary>
#
# You take the logarithm of a probability. `softmax` of a logit that is 200 below the largest is exactly 0 in floating
# point, and the logarithm of that is `-inf`. `torch.log_softmax` computes the logarithm directly, without the detour.
# </details>
#
# ## 5 · One hill for two
#
# A student is smaller than its teacher. Often it *cannot* say all that the teacher says, and then the direction of KL
# decides what it keeps. Here is the smallest such story: the target $p$ has two peaks, the student $q$ is a single
# Gaussian bell that can only move and change its width.
#
# > **Predict.** Where will the bell end if it minimises $\mathrm{KL}(p\|q)$: on one peak, on both, or in between? And
# > with $\mathrm{KL}(q\|p)$?
#
# On a fine grid a bell is a distribution over many small classes, and its logits are a parabola. (Softmax of a parabola
# is a bell: look at the formula of the Gaussian.) So all of this is softmax and KL again.

# %%
x = torch.linspace(-8, 8, 321)
peaks, widths, weights = [-2.0, 2.0], [0.7, 0.5], [0.6, 0.4]


def log_bell(mean, sd):
    return torch.log_softmax(-((x - mean) ** 2) / (2 * sd**2), dim=-1)


log_p = sum(w * log_bell(m, s).exp() for w, m, s in zip(weights, peaks, widths, strict=True)).log()


# %%
def fit_gaussians(direction, starts, steps=160):
    """Mean, standard deviation and divergence on the way down, for all starts at once: (starts, steps + 1, 3)."""
    mean, log_sd = starts.clone().requires_grad_(), torch.zeros_like(starts).requires_grad_()
    optimizer = torch.optim.Adam([mean, log_sd], lr=0.1)
    path = []
    for _ in range(steps + 1):
        log_q = log_bell(mean[:, None], log_sd.exp()[:, None])  # a row for each start
        first, second = (log_p, log_q) if direction == "forward" else (log_q, log_p)
        divergences = (first.exp() * (first - second)).sum(dim=-1)
        path.append(torch.stack([mean, log_sd.exp(), divergences], dim=-1).detach())
        optimizer.zero_grad()
        divergences.sum().backward()
        optimizer.step()
    return torch.stack(path, dim=1)


starts = torch.arange(-3, 3.1, 0.5)
forward, reverse = fit_gaussians("forward", starts), fit_gaussians("reverse", starts)

# %% [markdown]
# > **Goal.** Play it. Then change the start, until the reverse fit has ended on *each* of the two peaks. Does the
# > forward fit ever end anywhere else?

# %%
shown = (x >= -5) & (x <= 5)
density = log_p.exp() / (x[1] - x[0])
widgets.GaussianFitPanel(
    x[shown][::2], density[shown][::2], forward, reverse,
    peaks=peaks, start=2, goal="let the reverse fit end on each of the two peaks",
)  # fmt: skip

# %%
p_grid = log_p.exp()
mean = (p_grid * x).sum()
sd = (p_grid * (x - mean) ** 2).sum().sqrt()
same_end = (forward[:, -1, :2] - torch.stack([mean, sd])).abs().max() < 0.05
print("forward ends at the mean and the width of p, from every start:", bool(same_end))
gap = (x > -1) & (x < 1)
q_in_gap, p_in_gap = log_bell(*forward[4, -1, :2]).exp()[gap].sum(), p_grid[gap].sum()
print("between the peaks it has over 5 times the weight of p:", bool(q_in_gap > 5 * p_in_gap))

on_left, on_right = ((reverse[:, -1, 0] - peak).abs() < 0.05 for peak in peaks)
print("reverse ends on a peak from every start:", bool((on_left | on_right).all()))
print("both peaks are found, from different starts:", bool(on_left.any() and on_right.any()))

at_left, at_right = reverse[on_left, -1, 2], reverse[on_right, -1, 2]
print("reverse KL on the left is -ln 0.6:", bool((at_left + math.log(0.6)).abs().max() < 0.02))
print("reverse KL on the right is -ln 0.4:", bool((at_right + math.log(0.4)).abs().max() < 0.02))

# %% [markdown]
# <details><summary>What happened</summary>
#
# **Forward KL covers.** Leaving out a peak would be very dear, so the bell stretches over both. The price: its summit
# stands *between* the peaks, and much of its weight lies where the teacher has next to nothing. A text generator trained
# so may say what the teacher never would.
#
# **Reverse KL picks.** Saying what the teacher rules out would be dear, so the bell withdraws to one peak and fits it
# neatly. Which one depends on where it started, and the other is forgotten. What it costs can be read off: on a peak of
# weight $w$, $q \approx p/w$ wherever $q$ lives, so $\mathrm{KL}(q\|p) \approx -\ln w$, as the last two lines confirm.
# </details>
#
# What forward KL does here is called **mode covering** (or mass covering), what reverse KL does **mode seeking**.
#
# Which is better? For a classifier that must be honest about doubt: forward, and it is the direction of classical
# distillation. For small language models that should at least say *something* sensible, the reverse direction has been
# proposed (MiniLLM; lesson 12 tries both). And a student that is rich enough to copy its teacher ends at $q = p$ under
# either: the direction matters when something must be left out.
#
# ## 6 · Meeting in the middle: Jensen-Shannon
#
# Can we have a symmetric measure that never explodes? Let both sides look not at each other but at their mean
# $m = (p + q)/2$:
#
# $$\mathrm{JS}(p, q) = \tfrac12\,\mathrm{KL}(p\|m) + \tfrac12\,\mathrm{KL}(q\|m)$$
#
# > **Predict.** What is the largest value it can take? (Think of $p$ and $q$ with no class in common: what is $m$ where
# > $p$ lives?)
#
# ### ✎ Exercise 2.3 · Jensen-Shannon  (10 minutes, medium)
#
# Write it from logits, in log space, as the mean over all distributions.


# %%
def jensen_shannon_divergence(student_logits, teacher_logits):
    """Jensen-Shannon divergence of the soft targets in nats: the mean over all distributions."""
    ...


lesson.jensen_shannon_divergence.check(jensen_shannon_divergence)
# lesson.jensen_shannon_divergence.hint()
# lesson.jensen_shannon_divergence.solution()

# %%
from kdlab.losses import jensen_shannon_divergence, kl_divergence, reverse_kl_divergence

sharper = torch.tensor([0.0, 1.0, 5.0, 20.0, 100.0])
logits = torch.stack([sharper, -sharper], dim=-1)  # two answers that contradict each other, ever more loudly
js = torch.stack([jensen_shannon_divergence(row, row.flip(0)) for row in logits])
print("in nats:", " ".join(f"{value:.4f}" for value in js), f"  log 2 = {math.log(2):.4f}")

# %% [markdown]
# <details><summary>What happened</summary>
#
# Where only $p$ lives, $m$ is $p/2$, the ratio $p/m$ is 2, and the divergence is $\log 2$: one bit. The bit has a meaning.
# Somebody draws a class from $p$ or from $q$, by the toss of a coin, and shows it to you. JS is how much it tells you
# about the coin: nothing if $p = q$, everything if they have nothing in common.
# </details>
#
# The bound has a price: a student that is far off gets nearly the same loss wherever it stands, so there is little to
# push it. `kdlab.losses` has this divergence with a weight `beta` in place of the one half; lesson 12 uses it.
#
# ## 7 · What pulls the student
#
# A loss is only as good as its gradient. For KL from logits it is so simple that you should know it by heart.
#
# ### ✎ Exercise 2.4 · What pulls the student  (10 minutes, medium)
#
# Work out on paper how $\mathrm{KL}(p\|\mathrm{softmax}(z))$ changes with each logit $z_i$, then write it without autograd.
# Start from $\log q_i = z_i - \log\sum_j e^{z_j}$.


# %%
def kl_gradient(student_logits, teacher_logits):
    """Gradient of KL(teacher || student) by the student's logits, same shape; no autograd."""
    ...


lesson.kl_gradient.check(kl_gradient)
# lesson.kl_gradient.hint()
# lesson.kl_gradient.solution()

# %%
student_logits = torch.tensor([1.0, 2.0, 0.0, -1.0], requires_grad=True)
teacher_logits = torch.tensor([3.0, 1.5, 1.0, -2.0])
(gradient,) = torch.autograd.grad(kl_divergence(student_logits, teacher_logits), student_logits)
p4, q4 = teacher_logits.softmax(-1), student_logits.detach().softmax(-1)
print("the gradient is q - p:", torch.allclose(gradient, q4 - p4, atol=1e-6))
plots.pulls(p4, q4, classes=["cat", "lynx", "dog", "bus"])

# %% [markdown]
# Each logit is pushed by exactly the probability that it lacks, and never by more than 1. A hard label is the special
# case in which $p$ is 1 for one class. Then every other logit is pushed down by its own $q$, a lynx no less than a bus.
# Soft targets leave the lynx what the teacher gives it.
#
# ## 8 · Why not simply squared error?
#
# Mean squared error (MSE) measures the difference of two rows of numbers without asking what they mean. It can be
# taken of the probabilities or of the logits.
#
# > **Predict.** Three students differ from their teacher in one thing each. For each row: which of the three
# > measures will not notice?

# %%
teacher_logits = torch.tensor([4.0, 2.0, -10.0])
students = {
    "all logits raised by 5": teacher_logits + 5,
    "a hopeless class: -10 becomes -20": torch.tensor([4.0, 2.0, -20.0]),
    "runner-up: 12 % becomes 1 %": torch.tensor([4.0, -0.6, -10.0]),
}
for name, z in students.items():
    of_probabilities = F.mse_loss(z.softmax(-1), teacher_logits.softmax(-1))
    of_logits = F.mse_loss(z, teacher_logits)
    print(f"{name:34} KL {kl_divergence(z, teacher_logits):.3f}", end="")
    print(f"   MSE of probabilities {of_probabilities:.3f}   MSE of logits {of_logits:5.2f}")

# %% [markdown]
# <details><summary>What happened</summary>
#
# - MSE of **logits** punishes a shift that changes nothing, and spends its effort on a class that nobody believes in. It
#   treats all logits alike. (That can be a virtue: in hopeless classes, too, there is knowledge. Lesson 03 shows that it is
#   KL at very high temperature, once the shift is taken out.)
# - MSE of **probabilities** hardly notices that the second opinion is gone: 12 % to 1 % is a small difference but a large
#   *ratio*, and KL counts ratios.
# </details>
#
# The stronger argument is the gradient. Two classes, a teacher that gives the right one 99 %, and a student that goes
# from dead wrong (left) to too sure (right):

# %%
gaps = torch.linspace(-10, 10, 201, requires_grad=True)
z = torch.stack([gaps, torch.zeros_like(gaps)], dim=-1)
target = torch.tensor([math.log(99), 0.0]).expand_as(z)
measures = {
    "KL": (target.softmax(-1) * (target.log_softmax(-1) - z.log_softmax(-1))).sum(-1),
    "MSE of probabilities": (z.softmax(-1) - target.softmax(-1)).square().mean(-1),
    "MSE of logits": (z - target).square().mean(-1),
}
curves = {name: torch.autograd.grad(v.sum(), gaps, retain_graph=True)[0].abs() for name, v in measures.items()}
dead_wrong = {name: float(curve[0]) for name, curve in curves.items()}
print("KL pushes with full strength:", 0.9 < dead_wrong["KL"] < 1)
print("MSE of probabilities hardly pushes at all:", dead_wrong["MSE of probabilities"] < 0.001)
print("MSE of logits pushes ever harder:", dead_wrong["MSE of logits"] > 10)
plots.gradient_sizes(gaps.detach(), curves)

# %% [markdown]
# The student that is dead wrong needs the strongest push. MSE of probabilities gives it none: its gradient carries
# another factor $q(1-q)$, which vanishes at both ends. KL's $q - p$ does not.
#
# The same article (`002_5d84a4db16eef704.txt`) works an MSE example as well: (1, 2, 3) against (1.1, 1.9, 3.2), and
# prints 0.02667.

# %%
print(f"{F.mse_loss(torch.tensor([1.1, 1.9, 3.2]), torch.tensor([1.0, 2.0, 3.0])):.4f}")

# %% [markdown]
# It is (0.01 + 0.01 + 0.04) / 3 = 0.02. Nobody ran that line either.
#
# ## 9 · PyTorch's `F.kl_div`
#
# Here are eight calls. All of them run without an error; the student and the teacher are the same in each.
#
# > **Predict.** Only two compute $\mathrm{KL}(\text{teacher}\|\text{student})$. Which?

# %%
generator = torch.Generator().manual_seed(9)
student_logits, teacher_logits = (2 * torch.randn(8, 10, generator=generator) for _ in range(2))
q, p = student_logits.softmax(-1), teacher_logits.softmax(-1)
log_q, log_p = student_logits.log_softmax(-1), teacher_logits.log_softmax(-1)

with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    calls = {
        'kl_div(p, q, reduction="batchmean")': F.kl_div(p, q, reduction="batchmean"),
        'kl_div(q, p, reduction="batchmean")': F.kl_div(q, p, reduction="batchmean"),
        'kl_div(log_p, q, reduction="batchmean")': F.kl_div(log_p, q, reduction="batchmean"),
        'kl_div(log_q, p, reduction="batchmean")': F.kl_div(log_q, p, reduction="batchmean"),
        "kl_div(log_q, p)": F.kl_div(log_q, p),
        'kl_div(log_q, log_p, reduction="batchmean")': F.kl_div(log_q, log_p, reduction="batchmean"),
        "... with target=log_p, log_target=True": F.kl_div(log_q, log_p, reduction="batchmean", log_target=True),
        "... with target=p, log_target=True": F.kl_div(log_q, p, reduction="batchmean", log_target=True),
    }
right = kl_divergence(student_logits, teacher_logits)
plots.calls_of_kl_div({name: value.item() for name, value in calls.items()}, right.item())

# %% [markdown]
# Two green bars. Now the others one by one: most of them have been found in published code.
#
# ### The order of the arguments
#
# On paper the teacher comes first, KL(p‖q). In PyTorch the *student* comes first: `F.kl_div(input, target)`, as in every
# PyTorch loss. And `input` is expected in log space, because that is what `log_softmax` gives:
#
# $$\texttt{F.kl\_div(input=log\_q, target=p)} \;=\; \mathrm{KL}(p\|q)$$

# %%
turned = reverse_kl_divergence(student_logits, teacher_logits)
print("F.kl_div(log_q, p) is KL(p‖q):", torch.allclose(F.kl_div(log_q, p, reduction="batchmean"), right))
print("F.kl_div(log_p, q) is KL(q‖p):", torch.allclose(F.kl_div(log_p, q, reduction="batchmean"), turned))

# %% [markdown]
# ### The space of the arguments
#
# > **Predict.** What does `F.kl_div(q, p)` give, with the log forgotten: something too large, too small, or of the wrong sign?

# %%
many = F.kl_div(many_q, many_p, reduction="none").sum(-1)
print("probabilities as input: largest of 10 000 values is negative:", bool(many.max() < 0))
print("log-probabilities as target:", F.kl_div(log_q, log_p, reduction="batchmean").item())
same = F.kl_div(log_p, p, reduction="batchmean", log_target=True)
print("probabilities with log_target=True, student = teacher: zero?", bool(same.abs() < 0.1))

# %% [markdown]
# <details><summary>What happened</summary>
#
# - **Probabilities as input** give $\sum p \log p - \sum p\,q$: two negative parts. So the value is never positive, whatever
#   student you have. *A negative KL means a forgotten log.*
# - **Log-probabilities as target**, without saying so, give `nan`: PyTorch takes their logarithm, and they are negative.
# - **Probabilities with `log_target=True`** are the nastiest: PyTorch applies `exp` to them. The value is positive and goes
#   down as you train, but it is not 0 for a perfect student. Test that; it is the cheapest test there is.
# </details>
#
# ### The reduction
#
# `F.kl_div` returns the terms, one for each row and class, and reduces them. Its default is `"mean"`.

# %%
print("'mean' is too small by the number of classes:", torch.allclose(10 * calls["kl_div(log_q, p)"], right))
print("PyTorch warned about it:", any("batchmean" in str(w.message) for w in caught))

generator = torch.Generator().manual_seed(10)
for tokens in (1, 4, 16):
    z, v = (torch.randn(8, tokens, 10, generator=generator) for _ in range(2))
    loss = F.kl_div(z.log_softmax(-1), v.softmax(-1), reduction="batchmean")
    print(f"'batchmean' with {tokens:2} tokens: {loss / kl_divergence(z, v):.1f} times the KL of one distribution")

# %% [markdown]
# - `"mean"` divides by batch **and classes**. With 10 classes the distillation term is 10 times too weak, with a
#   vocabulary of 50 000 it is gone. Several published repositories have this, and then need strange weights to repair it.
#   It is the only mistake on this page that PyTorch warns of.
# - `"batchmean"` divides by the **first dimension only**. With (batch, tokens, vocabulary) the loss grows with the length of
#   the text. Flatten first: `reshape(-1, vocabulary)`.
#
# ### The shapes
#
# > **Predict.** This student's logits are the teacher's, so its loss must be 0. But the teacher's have one dimension too
# > many, as may happen when a batch is put together.

# %%
from kdlab import losses

perfect, unsqueezed = teacher_logits, teacher_logits.unsqueeze(1)  # (8, 10) and (8, 1, 10)
loss = F.kl_div(perfect.log_softmax(-1), unsqueezed.softmax(-1), reduction="none")
print("shape of the terms:", tuple(loss.shape), " loss is zero:", bool(loss.sum().abs() < 0.01))
try:
    losses.kl_divergence(perfect, unsqueezed)
except ValueError as error:
    print("kdlab refuses:", error)

# %% [markdown]
# <details><summary>What happened</summary>
#
# PyTorch broadcast the two: every student row was compared with every teacher row, without a word. `kdlab.losses`
# refuses what PyTorch lets through, and says why.
# </details>
#
# | what you see | likely cause | cure |
# |---|---|---|
# | the loss is negative | probabilities as `input` | `log_softmax` of the student's logits |
# | `nan` from the first step | log-probabilities as `target` | `log_target=True`, or probabilities |
# | `inf` now and then | `log(softmax(z))` of a tiny probability | `log_softmax` |
# | not 0 when student = teacher | probabilities with `log_target=True`; shapes that broadcast | compare shapes, test with student = teacher |
# | tiny loss, and a warning | `reduction="mean"` divides by the classes | `"batchmean"` |
# | loss grows with the length of the text | `"batchmean"` on (batch, tokens, vocabulary) | flatten to (batch · tokens, vocabulary) |
# | all looks well, but the student drops classes | student and teacher swapped: reverse KL | `F.kl_div(log_q, p)`, student first |
#
# ### ✎ Exercise 2.5 · Repair it  (10 minutes, medium)
#
# `broken_loss` is meant to be the mean of KL(teacher‖student) over a batch. It has three faults. Write it without them.


# %%
def broken_loss(student_logits, teacher_logits):
    p = F.softmax(teacher_logits, dim=-1)
    q = F.softmax(student_logits, dim=-1)
    return F.kl_div(p, q)


def repaired_loss(student_logits, teacher_logits):
    """KL(teacher || student) with F.kl_div: the mean over the rows of two (batch, classes) tensors."""
    ...


lesson.repaired_loss.check(repaired_loss)
# lesson.repaired_loss.hint()
# lesson.repaired_loss.solution()

# %% [markdown]
# ## Quiz

# %%
lesson.quiz

# %% [markdown]
# ## Summary
#
# - Entropy is what you must pay, cross-entropy what you do pay, KL the waste. KL is never negative, and 0 only when the two agree.
# - KL has a direction. Forward, KL(teacher‖student), covers all that the teacher does; reverse, KL(student‖teacher),
#   settles on a part of it. It matters when the student is too small to copy.
# - Jensen-Shannon is symmetric and at most log 2. Squared error counts differences where KL counts ratios.
# - The gradient of forward KL by the student's logits is $q - p$.
# - `F.kl_div(log_q, p, reduction="batchmean")` on (rows, classes). A loss that is not 0 for student = teacher, or that is
#   negative, is wrong.
#
# **Left out.** KL is one of a family of $f$-divergences; total variation and others have been tried for distillation too.
# Wasserstein distances know that a cat is nearer to a lynx than to a bus; KL does not. KL between continuous
# densities is the same formula with an integral (our grid stood in for it).
#
# **References**
#
# - C. Shannon: *A Mathematical Theory of Communication*, 1948. S. Kullback, R. Leibler: *On Information and Sufficiency*, 1951.
# - J. Lin: *Divergence Measures Based on the Shannon Entropy*, IEEE Transactions on Information Theory, 1991 (Jensen-Shannon).
# - T. Minka: *Divergence Measures and Message Passing*, 2005: why one direction covers and the other seeks.
# - Y. Gu, L. Dong, F. Wei, M. Huang: *MiniLLM*, ICLR 2024, arXiv 2306.08543 (reverse KL). R. Agarwal et al.: *On-Policy
#   Distillation of Language Models*, ICLR 2024, arXiv 2306.13649 (generalised Jensen-Shannon).
# - PyTorch's documentation of `torch.nn.functional.kl_div`.
#
# **Next:** [03 · The distillation loss](03_distillation_loss.ipynb), where KL, temperature and the label come together.
