# %% [markdown]
# # 06 · Fair comparisons
#
# *Two methods, one seed each, and a clear winner. It is the wrong one.*
#
# | | |
# |---|---|
# | **Time** | 100 minutes alone, 60 in class (skip exercises 6.4, 6.5 and sections 8 to 10) |
# | **Builds on** | [03 · The distillation loss](03_distillation_loss.ipynb) and [04 · A student that learns while you watch](04_mlp_distillation.ipynb) |
#
# **After this lesson you can**
#
# - say how far a result can be trusted, and how many seeds it takes,
# - make two budgets equal, and name five ways in which they silently are not,
# - choose settings without fooling yourself,
# - train a hundred students at once, and read a heat map without seeing ghosts in it,
# - take a published comparison apart, with a checklist.

# %%
import math
import statistics
from dataclasses import replace

import torch
from torch.func import functional_call, stack_module_state, vmap
from torch.nn import functional as F

import kdlab
from kdlab import data, models, plots, sweeps, teachers, training, widgets
from kdlab.exercises import fair_comparisons as lesson
from kdlab.losses import soft_targets
from kdlab.metrics import errors

kdlab.setup()
mnist = data.load_mnist()
teacher = teachers.load_mnist_teacher()

# %% [markdown]
# ## 1 · Two laboratories
#
# Does a teacher help a *very* small student? Sixteen hidden units, the first 2000 digits, 400 steps. Two laboratories
# want to know. Both do what lesson 04 did: the same initial weights and the same batches for both arms, labels alone
# against soft targets at $T = 4$. Errors are counted on 10 000 validation images.

# %%
inputs = models.to_inputs(mnist.train_images[:2000])
labels = torch.from_numpy(mnist.train_labels[:2000])
teacher_logits = teachers.predict_logits(teacher, inputs)
validation_inputs = models.to_inputs(mnist.train_images[50_000:])
validation_labels = torch.from_numpy(mnist.train_labels[50_000:])

recipe = training.Recipe(temperature=4, alpha=0.1, steps=400, learning_rate=0.02)


def errors_with(seed, teacher_logits=None):
    """Validation errors of a student trained with this seed; from labels alone, unless there are teacher logits."""
    student = models.MLP(784, 16, 10, seed=seed)
    training.fit(student, inputs, labels, teacher_logits, recipe=replace(recipe, seed=seed))
    return errors(teachers.predict_logits(student, validation_inputs), validation_labels)


# %% [markdown]
# The first laboratory takes seed 17.
#
# > **Predict.** Sixteen units, 2000 labels, a teacher: by how many percent will the errors change, and which way?

# %% tags=["nbval-ignore-output"]
first_lab = {"hard labels": errors_with(17), "distilled": errors_with(17, teacher_logits)}
assert first_lab["distilled"] > first_lab["hard labels"] + 20
print(first_lab)

# %% [markdown]
# *“Distillation harms small students: 5 % more errors.”* The second laboratory knows nothing of this, and takes seed 15.

# %% tags=["nbval-ignore-output"]
second_lab = {"hard labels": errors_with(15), "distilled": errors_with(15, teacher_logits)}
assert second_lab["distilled"] < second_lab["hard labels"] - 20
print(second_lab)

# %% [markdown]
# *“Distillation saves a small student a tenth of its errors.”* Same methods, same data, same code, no bug. Two seeds, two
# papers. (We looked for these two seeds among forty. But how would the reader of one paper know?)
#
# ## 2 · How far can one run be trusted?
#
# There is a cure, and it is boring: more seeds. Here are a hundred for each arm, *recorded* by
# `benchmarks/fair_comparisons.py`. An *arm* is one of the methods that are compared; the one that the others have to beat,
# hard labels, is the *baseline*. The arms at the bottom are distilled; the teacher's *argmax* are its bare decisions.

# %%
recorded = data.load_results("fair_comparisons")
arms = {name: arm["validation"] for name, arm in recorded["seeds"]["arms"].items()}
mean = {name: statistics.fmean(values) for name, values in arms.items()}

assert mean["T = 4"] < mean["hard labels"]
plots.seeds_and_spread(arms)

# %% [markdown]
# Each dot is a student. The clouds overlap widely: pick one dot from each of two rows, and almost anything can come out.
# Yet the rows differ. On average the student at $T = 4$ makes fewer errors than the one with hard labels, so the first
# laboratory was wrong. Two numbers describe such a row, and they are often confused.
#
# - The **standard deviation** (sd) says how far *one more run* will lie from the mean. It does not shrink with more seeds.
# - The **standard error** says how far *the mean* of all these runs may lie from the true mean. It shrinks like
#   $1/\sqrt n$: four times the seeds, half the error. A mean lies within *two* standard errors of the truth about 19
#   times in 20, if it comes from ten seeds or more; that is the “two” in what follows. With three or five seeds the
#   standard error itself is a rough guess, and two of them are a weak promise.
#
# ### ✎ Exercise 6.1 · Mean, spread and standard error  (5 minutes, easy)
#
# Write them out once, without a library. (`math.sqrt` is allowed.)


# %%
def summarise(values):
    """(mean, sample standard deviation, standard error of the mean) of one number for each seed."""
    ...


lesson.summarise.check(summarise)
# lesson.summarise.hint()
# lesson.summarise.solution()

# %% [markdown]
# <details><summary>My standard deviation is a little too small</summary>
#
# You divide by n. The deviations are measured from the sample's own mean, which lies in the middle of *these* values by
# construction. Dividing by n - 1 makes up for it. With 3 seeds the difference is a fifth.
# </details>
#
# ## 3 · Seed against seed
#
# > **Predict.** Take the arm $T = 1$. Its cloud and the cloud of the hard labels overlap by more than half. In how many of
# > the 100 seeds does it make *fewer* errors than the hard labels make **with the same seed**?

# %%
plots.seed_pairs(("hard labels", arms["hard labels"]), {name: arms[name] for name in ("T = 1", "T = 4")})

# %% [markdown]
# A dot is a seed; below the line the distilled student is better. At $T = 1$ it is better in 95 of 100. The seed decides
# about the initial weights and the batches, and what is good luck for one arm is good luck for the other. In the
# **difference** of the two, that luck cancels:
#
# $$\mathrm{sd}(A - B)^2 = \mathrm{sd}(A)^2 + \mathrm{sd}(B)^2 - 2\,r\,\mathrm{sd}(A)\,\mathrm{sd}(B)$$
#
# $r$ is the correlation, between -1 and 1, in the titles. Two *strangers*, runs with different seeds, have $r = 0$. At
# $T = 1$ the soft targets are nearly the labels, and the two move together ($r = 0.88$); at $T = 4$ less so, and pairing
# helps less.
#
# ### ✎ Exercise 6.2 · Seed against seed  (6 minutes, medium)


# %%
def paired(ours, theirs):
    """(mean of ours - theirs, its standard error, wins of ours) for errors of the same seeds, in the same order."""
    ...


lesson.paired.check(paired)
# lesson.paired.hint()
# lesson.paired.solution()


# %% [markdown]
# Now with the record. For each arm: the difference from the hard labels, how many of its standard errors that is away
# from zero, and the wins.


# %%
def difference(name):
    """Mean and sd of the differences from the hard labels, seed by seed, and the wins."""
    values = [a - b for a, b in zip(arms[name], arms["hard labels"], strict=True)]
    return statistics.fmean(values), statistics.stdev(values), sum(value < 0 for value in values)


for name in ("teacher's argmax", "T = 1", "T = 2", "T = 4"):
    d, sd, wins = difference(name)
    strangers = math.hypot(statistics.stdev(arms[name]), statistics.stdev(arms["hard labels"]))
    print(f"{name:17} {d:+4.0f} errors, {abs(d) / (sd / 10):4.1f} standard errors from 0, fewer in {wins} of 100 seeds")
    print(f"{'':17} one pair varies by ± {sd:.0f}, two strangers by ± {strangers:.0f}")

# %% [markdown]
# For a true difference $d$ to be twice its standard error takes $n = (2\,\mathrm{sd}/d)^2$ seeds, with the sd of
# strangers or the smaller one of pairs. (And with just so many, luck will put every second experiment below two. Take more.)
# Play it:
#
# > **Goal.** Start with one seed and *different* seeds for the two arms. Draw a hundred times: how often does the worse arm
# > win? Guess how often it wins with five seeds, then look. Then switch to the *same* seeds.

# %%
seeds_panel = widgets.SeedsPanel({name: arms[name] for name in ("hard labels", "T = 1")})
seeds_panel.draw(100)
seeds_panel

# %% [markdown]
# ### ✎ Exercise 6.3 · How often does the wrong one win?  (8 minutes, medium)
#
# You need no panel if you know the true difference and the sd of one difference: the mean over n seeds is a bell around
# the true difference, as wide as its standard error. How likely is it to fall on the wrong side of 0?
# (`statistics.NormalDist(mean, sd)` is the bell, the *normal distribution*; `.cdf(x)` is the area to the left of x. A
# simulation with 20 000 draws or more will do, too.)


# %%
def chance_of_wrong_winner(difference, sd, seeds):
    """Probability that the mean of `seeds` normally distributed differences is below 0; difference > 0 is the true one."""
    ...


lesson.chance_of_wrong_winner.check(chance_of_wrong_winner)
# lesson.chance_of_wrong_winner.hint()
# lesson.chance_of_wrong_winner.solution()

# %%
d, _, _ = difference("T = 1")
strangers = math.hypot(*(statistics.stdev(arms[name]) for name in ("hard labels", "T = 1")))
for n in (1, 3, 5, 10, 20):
    bell = statistics.NormalDist(-d, strangers / math.sqrt(n)).cdf(0)
    exact = seeds_panel.exact(n, paired=False)
    assert abs(bell - exact) < 0.03
    print(f"{n:2} seeds of their own for each arm: the worse one wins in {exact:.0%} of all comparisons")

# %% [markdown]
# The bell agrees with the panel, which counts all possible draws, to within three points.
#
# So: **how many seeds are enough?** It depends on the difference that you want to see. Three pairs may do for a gain of a third of
# the errors, as in lesson 04. For a gain of 3 or 4 %, strangers need ten or twenty, and a gain of half a percent may need
# hundreds. A table without spread does not tell you which case you are in. When you see *one* seed, assume the worst.
#
# ## 4 · Equal budgets
#
# Seeds cure luck. They do not cure an **unfair** comparison: that one comes out wrong with every seed. Two arms must
# have in common all that is not the method:
#
# | what must be equal | how it goes wrong |
# |---|---|
# | initial weights, batches | each arm draws its own, and nobody notices |
# | optimiser steps | “the same number of epochs”, but another batch size; or early stopping for one arm |
# | tuning effort | the new method's settings were searched, the baseline's were copied from elsewhere |
# | data seen | the teacher has seen more images, and its gain is called *dark knowledge* |
# | answers given | the teacher corrects wrong labels; the control for that is its **argmax** |
#
# ### ✎ Exercise 6.4 · Count the steps  (4 minutes, easy)
#
# PyTorch's `DataLoader` gives an incomplete last batch in each epoch, unless `drop_last=True`. How many steps is that?


# %%
def optimizer_steps(images, batch_size, epochs, drop_last):
    """How many steps the optimiser takes in so many epochs; `drop_last` leaves out the incomplete batch of each."""
    ...


lesson.optimizer_steps.check(optimizer_steps)
# lesson.optimizer_steps.hint()
# lesson.optimizer_steps.solution()

# %% [markdown]
# > **Predict.** Train with batches of 16, 32, up to 512: the same number of *epochs*, passes through the data, for each. Which batch size makes the
# > fewest errors? And if each gets the same number of *steps* instead?

# %%
plots.batch_sizes(recorded["batch_size"])

# %% [markdown]
# Two figures, two opposite answers, and the reason is dull: with equal epochs the small batches take 32 times as many steps,
# and with equal steps the large ones see 32 times as many images. Neither is “right” (and all have learning rate 0.01,
# which need not suit them alike). But a paper that changes the batch size along with the method has compared budgets.
#
# ### Who was tuned?
#
# > **Predict.** The learning rate below goes from a twentieth of ours to ten times ours (10 000 digits this time).
# > Someone wants to sell distillation at $T = 4$. Which learning rate do they give to the baseline? And someone who
# > wants to bury it?

# %%
rates = recorded["learning_rate"]["learning_rate"]
by_rate = {
    name: [run[name]["validation"] for run in recorded["learning_rate"]["runs"]]
    for name in ("hard labels", "T = 1", "T = 4", "T = 20")
}


def on_test(name, rate):
    """Test errors of the five seeds at this learning rate."""
    return recorded["learning_rate"]["runs"][rates.index(rate)][name]["test"]


best = {name: rates[min(range(8), key=lambda k: sum(runs[k]))] for name, runs in by_rate.items()}
for story, ours, theirs in (
    ("both at Adam's default", 0.001, 0.001),
    ("both at 0.1", 0.1, 0.1),
    ("T = 4 tuned, labels at the default", best["T = 4"], 0.001),
    ("each tuned on validation images", best["T = 4"], best["hard labels"]),
):
    d = [a - b for a, b in zip(on_test("T = 4", ours), on_test("hard labels", theirs), strict=True)]
    share = 100 / statistics.fmean(on_test("hard labels", theirs))
    print(f"{story:35} {share * statistics.fmean(d):+3.0f} % test errors, ± {share * statistics.stdev(d) / 5**0.5:.0f}")
plots.errors_against(
    rates, by_rate, "learning rate", title="recorded: 10 000 digits, 400 steps, 5 seeds", ylim=(550, 1350)
)

# %% [markdown]
# (“±” is the standard error.) The seller tunes the new method and leaves the baseline at a library's default: 39 % fewer
# errors. Whoever wants to bury it compares both “at the same learning rate”, which sounds fair, and picks the default. The
# order of two methods can turn with a setting that has nothing to do with either, so **an equal learning rate is not an
# equal chance.** Each arm needs its own best.
#
# Tuning effort is a budget like any other: **same grid of values, same number of tries, for every arm.** Compared this way,
# not much is left to write about: 3 % give or take 4, from five seeds.
#
# ### Who was given time?
#
# > **Predict.** From 100 to 6400 steps, with the best of five learning rates for each point: does a teacher help more in
# > a short training, or in a long one?

# %%
counts, runs = recorded["steps"]["steps"], recorded["steps"]["runs"]


def tuned(part, run, name):
    """Test errors of the five seeds, at the learning rate with the fewest validation errors."""
    tried = [run[f"{name}, rate {rate:g}"] for rate in recorded[part]["learning_rate"]]
    return min(tried, key=lambda one: sum(one["validation"]))["test"]


def versus(ours, theirs):
    """The mean difference and its standard error, in words."""
    d = [a - b for a, b in zip(ours, theirs, strict=True)]
    return f"{statistics.fmean(d):+4.0f} ± {statistics.stdev(d) / len(d) ** 0.5:2.0f}"


for steps, run in zip(counts, runs, strict=True):
    own = versus(tuned("steps", run, "T = 4"), tuned("steps", run, "hard labels"))
    fixed = versus(run["T = 4, rate 0.01"]["test"], run["hard labels, rate 0.01"]["test"])
    print(f"{steps:4} steps: T = 4 against labels {own} test errors, each tuned; {fixed} both at 0.01")
by_steps = {name: [tuned("steps", run, name) for run in runs] for name in by_rate}
plots.errors_against(counts, by_steps, "steps", ylabel="test errors", title="recorded: 10 000 digits, each tuned")

# %% [markdown]
# In a long one. After 100 or 400 steps five seeds cannot tell $T = 4$ from hard labels. After 1600 and 6400 it is ahead by a
# tenth: the labels have nothing more to say and begin to be learned by heart (the student *overfits*), while the soft
# targets still teach. “It helps” and “it does not” are both true, each for its budget.
#
# Now read the right-hand numbers, for one learning rate that nobody tuned. They tell a much bigger story: far behind after
# 400 steps, far ahead after 6400. “Soft targets need patience” would be the headline, and most of it is the learning rate
# again: at 0.01 the soft targets learn slowly. Two traps at once look like a discovery. **Say for which budget your sentence
# holds, and tune within it.**
#
# ### A rematch
#
# We walked into it ourselves. Two findings of lesson 05 were that soft targets do next to nothing for a student of 128 units
# with all 10 000 labels, and nothing for tiny students with 50 000. Seeds, steps and learning rate were equal for all:
# 0.005. Here are the same comparisons with four learning rates to choose from (test errors against hard labels, mean of five
# seeds ± standard error):
#
# | lesson 05 | both at 0.005, as there | each tuned |
# |---|---|---|
# | 128 units, 10 000 labels, $T = 4$ | -10 ± 10 of 492 | **-99 ± 6 of 415** |
# | 32 units, 50 000 labels, $T = 2$ | +27 ± 9 of 433 | **-34 ± 9 of 342** |
# | 32 units, 50 000 labels, $T = 4$ | +87 ± 9 of 433 | -3 ± 11 of 342 |
# | 8 units, 50 000 labels, $T = 4$ | +74 ± 37 of 914 | +43 ± 19 of 829 |
#
# The first finding was false: a quarter of the errors were to be had. The second shrinks to “no gain at $T = 4$”; at $T = 2$ the
# student of 32 units does gain. Had you asked? Nothing in those figures looked wrong.
#
# ## 5 · A hundred students at once
#
# All this takes many runs, and small networks waste a processor: most of a step goes into calls, not into arithmetic. The
# way out: put the weights of all students into one tensor, with one more index in front, and train them in one go.
#
# ### ✎ Exercise 6.5 · One layer of many students  (8 minutes, hard)
#
# Student s has its own inputs, weights and biases. PyTorch stores weights as (out, in).


# %%
def linear_of_all(inputs, weights, biases):
    """One linear layer of S students at once: (S, N, in), (S, out, in), (S, out) -> (S, N, out)."""
    ...


lesson.linear_of_all.check(linear_of_all)
# lesson.linear_of_all.hint()
# lesson.linear_of_all.solution()

# %% [markdown]
# PyTorch can do this by itself. `vmap` takes a function written for *one* student and returns one for many:

# %%
six = [models.MLP(784, 16, 10, seed=seed) for seed in range(6)]
weights, _ = stack_module_state(six)
print({name: tuple(tensor.shape) for name, tensor in weights.items()})


def one_student(own_weights, inputs):
    return functional_call(six[0], own_weights, (inputs,))


say = vmap(one_student, in_dims=(0, None))  # weights differ between students, inputs do not
one_by_one = torch.stack([student(inputs) for student in six])
assert torch.allclose(say(weights, inputs), one_by_one, atol=1e-4)
print("six students at once say what they say one by one: ok")

# %% [markdown]
# (`stack_module_state` stacks the weights of all six, `functional_call` runs a network with weights that it is given.)
# `kdlab.sweeps` is `training.fit` for many students in this manner. Each has its own recipe (temperature, alpha, learning
# rate, seed), and each ends where it would have ended alone. `sweeps.grid` writes the recipes.
#
# ## 6 · A map of temperature and alpha
#
# Seven temperatures, five alphas, three seeds: 105 students. At $\alpha = 1$ the teacher is not heard.
#
# > **Predict.** What must the column $\alpha = 1$ look like? In which corner is the worst student? How large is the region of
# > settings that three seeds *cannot tell apart* from the best?

# %%
recipes = sweeps.grid(recipe, temperature=[1, 2, 3, 4, 6, 8, 20], alpha=[0, 0.1, 0.3, 0.6, 1], seed=range(3))
few = slice(0, 2000)  # enough to look at while it runs
sweep = widgets.SweepPanel(
    [models.MLP(784, 16, 10, seed=each.seed) for each in recipes],
    train=(inputs, labels, teacher_logits),
    validation=(validation_inputs[few], validation_labels[few]),
    recipes=recipes,
    evaluate_every=100,
)
sweep.run()
students, outcome = list(sweep.students), sweep.table  # kept, whatever you do in the panel
sweep

# %% [markdown]
# Outlined cells cannot be told from the best one: over the same seeds, the mean difference is within two of its standard
# errors. (With three seeds that is a rough rule: a cell whose three differences happen to be alike loses its outline.)
# Choose a cell with the mouse or the arrow keys, and see its three seeds beside the best cell's.
#
# > **Goal.** Press **Reset** and **Start**. Which cells are good *early*? Which are good at the end?

# %% tags=["nbval-ignore-output"]
alone = torch.tensor(outcome["accuracy"])[:, -1]  # (temperatures, seeds) at alpha = 1
assert (alone - alone[0]).abs().max() < 0.003
print("at alpha = 1 the temperature makes no difference: ok")

said = sweeps.predict_logits(students, validation_inputs).argmax(-1)
right = (said == validation_labels).float().mean(-1).view(7, 5, 3)
heard = right[:, :3].mean((1, 2))  # alpha up to 0.3, where the teacher is heard most
assert heard[-1] < heard[:4].mean() - 0.003
print("T = 20 does worse than T = 1 to 4: ok")
print(f"{int(outcome['alike'].sum())} of 35 settings cannot be told from the best")

# %% [markdown]
# An honest reading: the hot corner is bad, the rest is a plateau. Someone who prints only the best cell, with three
# decimals, is reporting noise. With another three seeds it might well be another cell.
#
# ## 7 · The winner's curse
#
# You have 35 settings and must choose one.
#
# ### ✎ Exercise 6.6 · Choose here, report there  (4 minutes, easy)


# %%
def choose(validation_errors, test_errors):
    """(name of the setting to use, errors to report) from {name: errors} on validation and on test images."""
    ...


lesson.choose.check(choose)
# lesson.choose.hint()
# lesson.choose.solution()

# %% [markdown]
# What if somebody chooses on the test images? Nobody has *trained* on them, after all. Let us do it, to see what it costs:
# shuffle the test images and take the first m. The student of the sweep with the fewest errors on those wins, and its error
# rate goes into the paper. Then look at the same student on the *other* test images. Averaged over 200 such papers:
#
# > **Predict.** By how many percentage points will the paper be too optimistic, if m = 100? If m = 3000?

# %%
test_inputs, test_labels = models.to_inputs(mnist.test_images), torch.from_numpy(mnist.test_labels)
wrong = (sweeps.predict_logits(students, test_inputs).argmax(-1) != test_labels).float()  # (105, 10 000)
generator = torch.Generator().manual_seed(0)
tries, sizes, papers = (1, 5, 35, 105), (100, 300, 1000, 3000), 200

gap = torch.zeros(len(tries), len(sizes))
for _ in range(papers):
    ours = wrong[torch.randperm(105, generator=generator)][:, torch.randperm(10_000, generator=generator)]
    kept = ours[:, 5000:].mean(-1)  # the error rate on images that chose nothing
    for j, m in enumerate(sizes):
        promised = ours[:, :m].mean(-1)
        winners = torch.stack([promised[:k].argmin() for k in tries])
        gap[:, j] += (kept - promised)[winners] / papers

assert gap[2, 0] > 0.015 and gap[0].abs().max() < 0.01
curves = {f"best of {k}": row.tolist() for k, row in zip(tries, gap, strict=True)}
plots.optimism(sizes, curves)

# %% [markdown]
# Nobody cheated in any of these papers. The winner of a contest is partly good and partly lucky, its score contains the
# luck, and the luck does not repeat. The more tries and the fewer images, the more luck. With 100 images and 35 students it
# is worth two or three percentage points. If you choose nothing (best of 1), you are not fooled.
#
# So: **choose on validation, report on test.** But there is a second kind of luck, and a test set does not cure it. Pretend that
# 35 *seeds* of one recipe are 35 settings of something new, choose the best on validation, and report it on test:

# %%
pile = recorded["seeds"]["arms"]["hard labels"]
winner = min(range(35), key=pile["validation"].__getitem__)
truth = statistics.fmean(pile["test"])
reported = pile["test"][winner]
assert reported < truth - 30
print(f"test errors of the winner: {reported}; of this recipe on average: {truth:.0f}")
print(f"a “gain” of {1 - reported / truth:.0%}, chosen and reported by the book, from nothing but seeds")

# %% [markdown]
# This *student* is better than the others, also on fresh images; keep it if you need one. The *recipe* is no
# better. Fresh images take away the luck of the images, **fresh seeds** the luck of the seeds. A claim about a method needs
# both. And neither replaces the other. Go back to the teacher's argmax in section 3: ahead in most of 100 pairs, at eight times
# its standard error. Now on the *test* images, the same hundred pairs of students:

# %%
for name in ("teacher's argmax", "T = 1", "T = 2", "T = 4"):
    gains = {}
    for pile in ("validation", "test"):
        ours, theirs = (recorded["seeds"]["arms"][arm][pile] for arm in (name, "hard labels"))
        gains[pile] = statistics.fmean(a - b for a, b in zip(ours, theirs, strict=True))
    print(f"{name:17} {gains['validation']:+4.0f} errors on validation images, {gains['test']:+4.0f} on test images")

# %% [markdown]
# The gain of the argmax is gone. A hundred seeds had told us very precisely how it does *on these 10 000 images*, and ten thousand other
# images disagree. A standard error over seeds knows nothing of the choice of images. The three arms with soft targets hold
# on both piles.
#
# ## 8 · Do small students want low temperatures?
#
# Hinton, Vinyals and Dean report that with 300 or more units in each layer all temperatures above 8 gave fairly similar results,
# and that with 30 units temperatures from 2.5 to 4 were significantly better than higher or lower ones. Is that so
# here? *Recorded*: one hidden layer of 8 to 256 units, 10 000 digits, 1200 steps, five seeds. As sections 4 and 7 taught,
# each cell has the best of four learning rates from 0.01 to 0.1, chosen on validation images, and shows test errors.
#
# > **Predict.** Where in each row is the best temperature?

# %%
columns = ["hard labels", "T = 1", "T = 2", "T = 4", "T = 8", "T = 20"]
widths, runs = [str(width) for width in recorded["width"]["widths"]], recorded["width"]["runs"]
table = torch.tensor(
    [[tuned("width", runs[width], column) for column in columns] for width in widths], dtype=torch.double
)
best = table.mean(-1).argmin(-1)
behind = table - table[torch.arange(len(widths)), best][:, None]
alike = behind.mean(-1) <= 2 * behind.std(-1) / math.sqrt(5)
plots.width_by_temperature(table.mean(-1), table.std(-1), alike.tolist(), widths, columns)

# %% [markdown]
# They do, and the frames form a staircase: 2 for eight units, 4 for sixteen and for 32, 4 or 8 for 64, 8 or 20 for 256. At 32
# units $T = 4$ beats everything hotter or colder that we tried; at 256 units $T = 8$ and $T = 20$ can hardly be told apart.
# Both are what the paper says. The gain grows along the stairs, too: a third of the errors for 256 units, while with eight
# units the best cell cannot be told from hard labels.
#
# A reason: high temperatures ask for all ten logits, low ones for the few classes that matter. A student with little room
# had better spend it on those.
#
# Hold our own table against section 4: for sixteen units and $T \ge 2$ the chosen rate was 0.1, the largest that we tried. The
# grid should have gone on there.
#
# ## 9 · Why T² moves the best learning rate
#
# Lesson 03 put $T^2$ into the loss, so that α keeps its meaning. It has a second effect: a factor in front of a loss is
# a factor on the learning rate. Train on the soft term alone, with and without $T^2$, at many learning rates. Six students
# learn at once: three temperatures, two losses.
#
# > **Predict.** Without $T^2$, where does plain gradient descent (SGD) want its learning rate at $T = 16$, compared with $T = 1$?
# > And Adam, which divides each step by the size of recent gradients?


# %%
temperatures = torch.tensor([1.0, 4.0, 16.0]).repeat(2)
factor = torch.cat([temperatures[:3] ** 2, torch.ones(3)])  # three losses with T², three without
T = temperatures[:, None, None]


def train_six(optimizer, rate, steps=150):
    """Validation errors of six students after training on the soft term alone, all at once."""
    weights, _ = stack_module_state([models.MLP(784, 16, 10, seed=0) for _ in range(6)])
    optimizer = optimizer(weights.values(), lr=rate)
    generator = torch.Generator().manual_seed(0)
    for _ in range(steps):
        chosen = torch.randint(len(inputs), (128,), generator=generator)
        log_q = F.log_softmax(say(weights, inputs[chosen]) / T, dim=-1)
        log_p = F.log_softmax(teacher_logits[chosen] / T, dim=-1)
        loss = (log_p.exp() * (log_p - log_q)).sum(-1).mean(-1)  # one number for each student
        optimizer.zero_grad()
        (factor * loss).sum().backward()
        optimizer.step()
    with torch.no_grad():
        return (say(weights, validation_inputs[few]).argmax(-1) != validation_labels[few]).float().mean(-1)


# %%
tried = {"SGD": [4.0**k for k in range(-4, 4)], "Adam": [4.0**k for k in range(-6, 0)]}
found = {
    "SGD": torch.stack([train_six(torch.optim.SGD, rate) for rate in tried["SGD"]]),
    "Adam": torch.stack([train_six(torch.optim.Adam, rate) for rate in tried["Adam"]]),
}
favourite = {name: [tried[name][k] for k in table.argmin(0)] for name, table in found.items()}
assert favourite["SGD"][5] >= 16 * favourite["SGD"][3]
assert all(1 / 4 <= favourite["SGD"][k] / favourite["SGD"][0] <= 4 for k in range(3))
print("SGD with T²: the favourite rates of T = 1, 4 and 16 are the same to a factor of 4: ok")
print("SGD without: T = 16 wants a rate at least 16 times that of T = 1: ok")
assert all(1 / 4 <= favourite["Adam"][k] / favourite["Adam"][k + 3] <= 4 for k in range(3))
print("Adam: with or without T², the favourite rate is the same to a factor of 4: ok")
plots.best_rates(tried, found, ["T = 1", "T = 4", "T = 16"])

# %% [markdown]
# With $T^2$, one learning rate serves all three temperatures. Without it, each temperature has its own, and that of $T = 16$
# is far above that of $T = 1$. Whoever fixes the rate at what suits $T = 1$, and then “compares temperatures” without $T^2$,
# compares students some of which have hardly begun to learn. It is really a sweep over the learning rate.
#
# Adam divides by the size of the gradient, and a constant factor cancels. The curves with and without $T^2$ lie on each
# other, *because here the soft term is alone*. With labels beside it, $T^2$ decides who is heard (lesson 03), under Adam, too.
#
# ## 10 · Whom does augmentation help?
#
# The teacher was trained on shifted digits. Suppose the student gets shifted copies, too: four of each of the 10 000. The
# steps stay the same. A label simply goes with its copy. A cached soft target does not: the teacher must be **asked
# again about each copy** (a shifted 4 may look more like a 9).
#
# (As before: the best of three learning rates for each arm, test errors, five seeds.)
#
# > **Predict.** Who gains more from the copies: labels or teacher? The narrow student or the wide one?

# %%
two = ("hard labels", "T = 4")
runs = {
    width: {pile: {name: tuned("augmentation", run, name) for name in two} for pile, run in piles.items()}
    for width, piles in recorded["augmentation"]["runs"].items()
}
for width, piles in runs.items():
    for name in two:
        plain, more = piles["as they are"][name], piles["with shifted copies"][name]
        print(
            f"{width:>3} units, {name:11}: {versus(more, plain)} test errors of {statistics.fmean(plain):.0f} with copies"
        )
plots.augmentation(runs)

# %% [markdown]
# Two students, two opposite answers. The wide one makes good use of the copies, and *labels* gain more from them than the
# teacher's student does: part of what copies teach (a shifted digit is the same digit) the teacher had already handed on. Its
# lead shrinks from 143 errors to 79. The narrow student has no room for all this: in 1600 steps both arms do worse with the
# copies, and the teacher's lead of 72 errors is gone.
#
# For a fair comparison this means: copies for both arms or for none. “Distillation with augmentation” against labels
# without saves the wide student half of its errors here; against labels *with* copies it is 30 %.
#
# ## 11 · The checklist
#
# Copy it, and hold it against anything you read or write.
#
# | | ask | a good answer |
# |---|---|---|
# | 1 | How many seeds, and which spread is shown? | 3 at least, more for small gains; sd or standard error, and *which* |
# | 2 | Are runs paired? | same initial weights and batches; differences and wins reported |
# | 3 | Same steps for all arms? | steps, not epochs; the schedule fits them |
# | 4 | Same tuning effort? | same grid, same number of tries, for the baseline too |
# | 5 | What chose the settings, and the epoch? | validation images |
# | 6 | What is reported? | test images that chose nothing, the last epoch or one chosen on validation, *fresh seeds* |
# | 7 | Is the test set large enough? | a share $p$ of m images has the standard error $\sqrt{p(1-p)/m}$, as $p$ heads in m tosses of a bent coin |
# | 8 | What did the teacher see that the student did not? | it is said; the baseline gets it too, if it can |
# | 9 | Is there a control that uses the teacher's argmax? | yes, where “dark knowledge” is claimed |
# | 10 | Was the teacher checked? | its accuracy on the student's own inputs is printed |
# | 11 | For which budget and size is it claimed? | a curve over steps or widths, not one point |
# | 12 | Are failures shown? | settings and students that gained nothing are in the table |
#
# Three pages that thousands have learned distillation from, as we read them (versions in the references). They teach the loss, and
# do not claim to be studies; but their numbers are quoted.
#
# | | PyTorch tutorial | Keras example | Hugging Face guide |
# |---|---|---|---|
# | seeds for each arm | 1 | 1 | 1 |
# | same initial weights | yes | no: the clone draws new ones | not said |
# | same epochs for both students | yes, 10 | yes, 3 | said to be equal |
# | images for choosing | none besides test | none besides test | a validation set |
# | test images | 10 000 | 10 000 | 128 |
# | argmax control | no | no | no |
# | teacher's accuracy shown | yes | yes | no: its last layer was never trained |
# | result | printed when you run it | 98.1 % against 97.6 % | 65 % against 63 % |
#
# Take the last one. The guide distils into a MobileNet on pictures of bean leaves and reports 65 % with and 63 % without a
# teacher, one run each, on 128 test images. That is 83 right answers against 81. The standard error of such a difference,
# from the choice of images alone, is up to $\sqrt{2 \cdot 0.64 \cdot 0.36 / 128} = 0.06$ (less if both students fail on
# the same images, which we are not told): three times the difference, before a single seed has been varied. And the teacher knew nothing about leaves: its last layer was new, and untrained.
#
# ### ✎ Exercise 6.7 · What is wrong with this comparison?  (8 minutes, medium)
#
# A well-known idea: where the teacher is too large for the student, let an *assistant* of medium size learn from the teacher,
# and the student from the assistant. From the code that its authors published, in our words, for one column of results:
#
# | | labels only | from the teacher | through an assistant |
# |---|---|---|---|
# | student | ResNet-8 | ResNet-8 | ResNet-8 |
# | training | CIFAR-100's 50 000 images, SGD, one schedule, 160 epochs | the same | the same, after the assistant's own 160 |
# | tuned | the seed (of 3) | the seed (of 3), T (of 6), the loss's weight (of 20) | the same |
# | chosen by | accuracy on the 10 000 test images | the same | the same |
# | reported | the best of 160 epochs, measured on the test images after each | the same | the same |
# | result | 61.37 % | 61.41 % | 61.82 % |
#
# Which of these accusations hold?
#
# - (a) the random seed is one of the settings that are tuned
# - (b) the three students are of different size
# - (c) the settings are chosen on the test images
# - (d) the students train for different numbers of epochs
# - (e) the best epoch on the test images is reported, not the last
# - (f) the students use different optimisers
# - (g) the arms differ in tuning effort: some have many more settings to choose from
# - (h) the students see different training images
# - (i) no spread is given, so nobody can tell a gain from luck

# %%
faults = ...  # a list of letters, such as ["b", "h"]

lesson.faults.check(faults)
# lesson.faults.hint()
# lesson.faults.solution()

# %% [markdown]
# How much could that be worth? You have measured it: section 7 has the price of choosing on test images, and of seeds. The
# whole difference in the table is 45 of 10 000 images. None of this says that assistants do not help. It says that *this table*
# cannot tell. A reader of the code said so in public in 2020; the thread, with the authors' answer, is in the references.
#
# ## Quiz

# %%
lesson.quiz

# %% [markdown]
# ## Summary
#
# - One seed is an anecdote. The standard deviation is about the next run, the standard error about the mean.
# - Share the seeds and compare in pairs: the luck that two arms have in common cancels.
# - Equal steps, equal tuning, equal data, equal start. A tuned method often beats an untuned one, whatever the methods.
# - An answer holds for a budget: for the number of steps, the learning rate and the size that it was measured with.
# - Choosing is a kind of training. Fresh images cure one kind of luck, fresh seeds the other.
# - The best temperature grows with the student: here from 2 for eight units to 8 and more for 256. Somebody else's
#   temperature does not replace a validation set.
#
# **Left out.** Tests of significance and their abuse; corrections for many comparisons; Bayesian treatments. The
# interleaving of tuning and seeds in full (Bouthillier et al. 2021). Variation from the data set itself: we drew the first
# images, always the same.
#
# **References**
#
# - G. Hinton, O. Vinyals, J. Dean: *Distilling the Knowledge in a Neural Network*, 2015, arXiv 1503.02531, section 3.
# - X. Bouthillier et al.: *Accounting for Variance in Machine Learning Benchmarks*, MLSys 2021.
# - The three pages: A. Chariton, *Knowledge Distillation Tutorial*, pytorch/tutorials, as of commit 035c541; K. Borup,
#   *Knowledge Distillation*, keras-io, as of 2020-09-01; *Knowledge Distillation for Computer Vision*, Hugging Face
#   Transformers documentation, as of commit 01080da.
# - S. I. Mirzadeh et al.: *Improved Knowledge Distillation via Teacher Assistant*, AAAI 2020, arXiv 1902.03393. Code:
#   imirzadeh/Teacher-Assistant-Knowledge-Distillation (`train.py`, `search_space.json`); figures from its issue 7; the
#   criticism and the answer: its issue 19.
#
# **Next:** 07 · Features and relations: what hidden layers can teach.
