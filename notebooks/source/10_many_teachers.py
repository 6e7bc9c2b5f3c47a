# %% [markdown]
# # 10 · Many teachers
#
# *Ten networks that know little, two that know half each, one that knows more than it says: what a student makes of
# them.*
#
# | | |
# |---|---|
# | **Time** | 90 minutes alone (exercise 10.6 is optional), with a break before section 4; 60 in class (skip exercises 10.2, 10.5 and 10.6, and section 6) |
# | **Builds on** | [03 · The distillation loss](03_distillation_loss.ipynb) and [06 · Fair comparisons](06_fair_comparisons.ipynb) |
#
# **After this lesson you can**
#
# - put several teachers together, and say what their number is worth and what their labels,
# - prove what a student of many can reach, and what no student can,
# - measure whether doubt finds errors, and say why it may fail on strangers,
# - merge two specialists without a label, and know what goes wrong in the seam,
# - say why harmless data are no proof of a harmless student.

# %%
import functools
import math

import torch
import torch.nn.functional as F

import kdlab
from kdlab import crowds, data, models, plots, sweeps, training, widgets
from kdlab.exercises import many_teachers as lesson
from kdlab.intervals import t_interval
from kdlab.metrics import accuracy
from kdlab.teachers import predict_logits

kdlab.setup()
mnist, fashion = data.load_mnist(), data.load_fashion()
recorded = data.load_results("many_teachers")

images, truth = models.to_inputs(mnist.train_images), torch.from_numpy(mnist.train_labels)
unlabelled = images[:8000]
labelled = images[10_000:50_000], truth[10_000:50_000]
validation = images[50_000:52_000], truth[50_000:52_000]

# %% [markdown]
# ## 1 · Ten who know little
#
# Ten hospitals. Each has labelled a hundred pictures, ten of every kind, and trained a small network on them. The
# pictures may not leave the house. The networks may. And there are thousands of pictures that nobody has labelled.
#
# > **Predict.** One such network reads three digits of four. You ask all ten and take the mean of their
# > probabilities: still three of four, four of five, nine of ten? And a single student, no larger than each of them,
# > that listens to the ten?
#
# ### ✎ Exercise 10.1 · What the crowd thinks  (5 minutes, easy)


# %%
def crowd_opinion(teacher_logits):
    """Logits (K, N, classes) of K teachers -> the logarithm of the mean of their probabilities (N, classes)."""
    ...


lesson.crowd_opinion.check(crowd_opinion)
# lesson.crowd_opinion.hint()
# lesson.crowd_opinion.solution()

# %% [markdown]
# In the panel teachers come one by one, 784-64-10 with 200 steps each. After each of them a student of the same size
# listens to all so far, on 8000 pictures without a label. And beside them learns the network that the hospitals could
# have if they were allowed to: **one with all their labels**. (Learning rates in the panel are set by hand.)


# %%
def network(seed):
    return models.MLP(784, 64, 10, seed=seed)


panel = widgets.CrowdPanel(
    network, labelled, unlabelled, validation, each=(20, 50, 100, 200), labels=100,
    recipe=training.Recipe(steps=200, batch_size=64, learning_rate=1e-2),
    student_recipe=training.Recipe(steps=300, batch_size=64, learning_rate=2e-2),
)  # fmt: skip
panel.show_and_run()
ten, first = panel.networks, panel.curves  # the first run's, whatever you do in the panel

# %%
single = sum(first["single"]) / 10
assert abs(single - 0.75) < 0.04 and first["crowd"][9] - single > 0.06 and first["student"][9] - single > 0.06
print("one teacher reads 71 to 79 % of the digits; all ten, and their student, at least 6 points more: ok")
assert first["pooled"][9] - first["crowd"][9] > 0.02
print("one network with all the labels, at least 2 points more than the crowd: ok")

# %% [markdown]
# <details><summary>What happened</summary>
#
# Four of five with two or three teachers, and about 85 % with ten. The student keeps it: **one network knows what the
# crowd knows**, and costs a tenth of it. But the network with all thousand labels does better still. The crowd is for
# those who cannot put their labels together.
# </details>
#
# > **Goal 1.** Give all of them *the same* labels. What is left of the crowd?
#
# > **Goal 2.** Twenty labels each. What gains more by company, a teacher who knows much or one who knows little?
#
# > **Goal 3.** Right-hand plot: on how many pictures do all ten agree, and how often are they right there?
#
# > **Predict.** Before the next figure: same start for nobody, same labels for everybody. How much of the gain comes
# > from ten *networks*, and how much from a thousand *labels*?


# %%
def row_of(section, **settings):
    """The recorded row with these settings."""
    (row,) = (row for row in recorded[section] if settings.items() <= row.items())
    return row


def growing(data, labels, **others):
    """What plots.growing_crowd wants of a recorded crowd, and of its controls {name: mode}."""
    modes = {"own labels": "own", **others}
    rows = {name: row_of("crowd", data=data, labels=labels, mode=mode) for name, mode in modes.items()}
    found = {name: {int(k): v for k, v in row["probabilities"].items()} for name, row in rows.items()}
    return {name: {0: points[1]} if name == "pooled" else points for name, points in found.items()}


plots.growing_crowd(
    {
        "digits, 100 labels each": growing("digits", 100, **{"the same labels": "shared", "pooled": "pooled"}),
        "digits, 20 labels each": growing("digits", 20),
        "clothes, 100 labels each": growing("clothes", 100, pooled="pooled"),
    }
)

# %% [markdown]
# *Recorded*, as every figure from here on that says so: five seeds, which decide on labels, initial weights and
# batches; each arm's learning rate chosen for it on validation pictures, with seeds that are not shown (a crowd's:
# the one that is best for a single teacher of it); 10 000 test digits, or 8000 clothes. Bands reach from the worst
# seed to the best; ± is half of a 95 % interval over the seeds, paired where two arms are compared.
#
# <details><summary>What happened</summary>
#
# Ten networks of the same hundred labels: 76.7 → 77.5 %. Against the first of them that is not told (0.8 ± 1.1),
# against the mean of the ten it is, just (1.1 ± 0.3). Ten of a hundred labels each: 76.8 → 86.6 %. So it was the
# labels, nearly all of it. Networks that differ by their start and their batches alone err alike. All thousand labels in one network: 3.6 ± 0.8 points more than the crowd, with digits and with clothes. "Ten
# heads are better than one" holds for heads that have *seen* different things.
# </details>
#
# Now the students. Each arm listens to something else on the same 8000 pictures:

# %%
ARMS = ["one", "probabilities", "logits", "argmax"]


def students(data, labels, mode="own"):
    return {arm: own["test"] for arm, own in row_of("crowd", data=data, labels=labels, mode=mode)["students"].items()}


def right_answers(groups, arms, names=None, kinds=None, baseline=None):
    shown = {title: {(names or {}).get(arm, arm): found[arm] for arm in arms} for title, found in groups.items()}
    return plots.arms(shown, baseline=baseline or next(iter(next(iter(shown.values())))), kinds=kinds, unit="%")


right_answers(
    {"digits, 100 each": students("digits", 100), "digits, 20 each": students("digits", 20), "clothes, 100 each": students("clothes", 100)},
    ARMS,
    {"one": "one teacher", "probabilities": "mean of probabilities", "logits": "mean of logits", "argmax": "the crowd's argmax"},
    kinds={"one teacher": 0, "the crowd's argmax": 2},
)  # fmt: skip


# %%
def points(ours, theirs):
    """By how many points `ours` is better, seed by seed: mean and half-width of its 95 % interval."""
    return t_interval([100 * (a - b) for a, b in zip(ours, theirs, strict=True)])


for data_set, count in (("digits", 100), ("digits", 20), ("clothes", 100)):
    found, row = students(data_set, count), row_of("crowd", data=data_set, labels=count, mode="own")
    loss, soft = (
        points(found["probabilities"], row["probabilities"]["10"]),
        points(found["argmax"], found["probabilities"]),
    )
    print(f"{data_set}, {count} labels each: student less crowd {loss[0]:+.1f} ± {loss[1]:.1f}", end="; ")
    print(f"argmax less soft answers {soft[0]:+.1f} ± {soft[1]:.1f} points")

# %% [markdown]
# All at T = 1; at T = 4 it is the same picture. The surprise is the last arm. The crowd's bare **argmax teaches no
# worse than its soft answers**, on digits better. A reading: what a crowd of beginners says beside its first choice
# is more noise than dark knowledge, and the argmax leaves it out. Try it on your own data before you ship ten numbers
# where one would do.
#
# ## 2 · Which mean?
#
# The mean of probabilities is a vote with nuances. The mean of logits, followed by a softmax, is the *geometric* mean
# of the probabilities: whoever finds a class impossible can veto it.

# %%
three = torch.tensor([[4.0, 2.0, 0.0], [4.0, 2.0, 0.0], [-9.0, 2.0, 0.0]])
opinions = {f"teacher {k + 1}": row.softmax(-1) for k, row in enumerate(three)}
both = {"mean of probabilities": crowds.crowd_logits(three), "mean of logits": crowds.crowd_logits(three, "logits")}
plots.grouped_bars(
    opinions | {name: z.softmax(-1) for name, z in both.items()}, title="two are for class 0, and one has a veto"
)

# %% [markdown]
# Which one does a student learn? Suppose it minimises the mean, over the teachers, of $\mathrm{KL}(p_k \,\|\, q)$, as
# it does if it hears a different teacher at every step. Call the mean of the probabilities $\bar p$. Then
#
# $$\frac1K \sum_k \mathrm{KL}(p_k \,\|\, q) \;=\; \underbrace{\mathrm{KL}(\bar p \,\|\, q)}_{\text{the student's}}
# \;+\; \underbrace{\frac1K \sum_k \mathrm{KL}(p_k \,\|\, \bar p)}_{\text{no student's}}$$
#
# > **Predict.** If that is true: at which $q$ is the left side smallest, and how small is it there?
#
# ### ✎ Exercise 10.2 · What no student can help  (10 minutes, hard)
#
# Write both parts. On paper, first convince yourself that they add up: write $\log\frac{p_k}{q}$ as
# $\log\frac{p_k}{\bar p} + \log\frac{\bar p}{q}$, and see what the mean of $p_k$ becomes in the second.


# %%
def two_parts(student_logits, teacher_logits):
    """(KL(mean || student), mean over the teachers of KL(teacher || mean)), each (N,); teacher_logits (K, N, classes)."""
    ...


lesson.two_parts.check(two_parts)
# lesson.two_parts.hint()
# lesson.two_parts.solution()

# %% [markdown]
# <details><summary>The proof, in three lines</summary>
#
# $$\frac1K\sum_k \sum_c p_{kc} \log\frac{p_{kc}}{q_c} = \frac1K\sum_k \sum_c p_{kc} \log\frac{p_{kc}}{\bar p_c} +
# \sum_c \Big(\frac1K\sum_k p_{kc}\Big) \log\frac{\bar p_c}{q_c}$$
#
# The bracket is the mean itself. The first sum does not know the student. The second is a KL, never below 0, and 0
# only where student and mean agree. So **the mean of probabilities is the best that a student can do**. What is left
# there is how far the teachers are from their mean: their *disagreement*.
# </details>
#
# An experiment says the same. Sixty pictures, ten teachers; free logits go downhill on the mean KL, without being
# told where to:

# %%
said = sweeps.predict_logits(ten, validation[0][:60])  # (10, 60, 10)
log_p, free = said.log_softmax(-1), torch.zeros(60, 10, requires_grad=True)
optimizer = torch.optim.Adam([free], lr=0.1)
for _ in range(800):
    loss = (log_p.exp() * (log_p - free.log_softmax(-1))).sum(-1).mean()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
far = {mean: (free.softmax(-1) - crowds.crowd_logits(said, mean).softmax(-1)).abs().max() for mean in crowds.MEANS}
assert far["probabilities"] < 0.02 < 0.2 < far["logits"]
assert abs(loss - crowds.disagreement(said).mean()) < 1e-3
print("it ends at the mean of probabilities, not at that of logits, and what is left is the disagreement: ok")

# %% [markdown]
# > **Predict.** So much for the loss. Which mean gives more *right answers*? And when would it matter more: with a
# > hundred labels for each teacher, or with twenty?

# %%
for data_set, count in (("digits", 100), ("digits", 20), ("clothes", 100)):
    row, found = row_of("crowd", data=data_set, labels=count, mode="own"), students(data_set, count)
    crowd, student = (
        points(row["probabilities"]["10"], row["logits"]["10"]),
        points(found["probabilities"], found["logits"]),
    )
    print(
        f"{data_set}, {count} labels each, probabilities less logits: crowd {crowd[0]:+.1f} ± {crowd[1]:.1f}", end=", "
    )
    print(f"their students {student[0]:+.1f} ± {student[1]:.1f} points")

# %% [markdown]
# <details><summary>What happened</summary>
#
# In the crowd the mean of probabilities wins everywhere, and most where the teachers know least: by 2.5 ± 0.9 points
# with twenty labels each, by 0.6 to 0.8 with a hundred. In the students the difference is told with twenty labels
# only. A reading: who has seen two 4s is often sure and wrong, and in a mean of logits each of them has a veto. (No
# figure here measures vetoes.)
# </details>
#
# The other loss, $\mathrm{KL}(q \,\|\, p_k)$, would have been smallest at the mean of logits. The proof is the same,
# with the geometric mean in the middle: try it.
#
# ## 3 · Who knows that he does not know?
#
# Ten teachers can do what one cannot: disagree. The part that no student can help is a number for every picture,
#
# $$\text{disagreement} \;=\; \frac1K \sum_k \mathrm{KL}(p_k \,\|\, \bar p) \;=\; H(\bar p) - \frac1K \sum_k H(p_k),$$
#
# also called *mutual information*. Is it a warning? A score that finds errors is high where the answer is wrong. Take
# one wrong and one right answer at random: how often has the wrong one the higher score? That is the **area under the
# ROC curve**, 0.5 for a coin.
#
# ### ✎ Exercise 10.3 · Does doubt find errors?  (10 minutes, medium)


# %%
def area_under_curve(scores, wrong):
    """The share of pairs (a wrong answer, a right one) in which the wrong one has the higher score; a tie counts half."""
    ...


lesson.area_under_curve.check(area_under_curve)
# lesson.area_under_curve.hint()
# lesson.area_under_curve.solution()

# %% [markdown]
# The panel sorts a thousand digits by the doubt of your first ten teachers. Look at the most doubtful ones, then move
# on. Choose a picture to see who says what.

# %%
thousand = slice(50_000, 51_000)
doubt = widgets.DoubtPanel(mnist.train_images[thousand], truth[thousand], sweeps.predict_logits(ten, images[thousand]))
assert doubt.area("crowd") > 0.8
doubt

# %% [markdown]
# > **Goal.** Find a picture on which every teacher is sure and hardly two say the same. The *first* teacher's entropy
# > cannot see that: sort by it, and watch the curve.
#
# > **Predict.** Next, five hundred of the thousand are **strangers**: clothes. Nobody has told the teachers that
# > there is anything but digits. Will a boot be in doubt? Does one teacher notice, do ten?

# %%
half = slice(50_000, 50_500)
pictures = [*mnist.train_images[half], *fashion.test_images[:500]]
mixed = torch.cat([images[half], models.to_inputs(fashion.test_images[:500])])
names = [data.FASHION_CLASSES[label] for label in fashion.test_labels[:500]]
strangers = widgets.DoubtPanel(
    pictures, [*mnist.train_labels[half], *([0] * 500)], sweeps.predict_logits(ten, mixed),
    strangers=[False] * 500 + [True] * 500, stranger_names=[""] * 500 + names,
)  # fmt: skip
strangers

# %% [markdown]
# And now the same the other way round: teachers of clothes, and digits among them.
#
# > **Predict.** Disagreement found clothes among digits. Will it find digits among clothes?

# %%
SCORES = [
    "one teacher, entropy",
    "crowd, entropy",
    "crowd, disagreement",
    "student of the mean",
    "student of the argmax",
]
groups = {}
for name, other in (("digits", "clothes"), ("clothes", "digits")):
    found = row_of("crowd", data=name, labels=100, mode="own")["doubt"]
    groups[f"own errors, {name}"] = {score: found[score]["own errors"] for score in SCORES}
    groups[f"{other} among {name}"] = {score: found[score]["strangers"] for score in SCORES}
plots.doubts(groups, SCORES)

# %% [markdown]
# *Recorded.* Each row seeks the errors of its own answers among all test pictures, or 2000 strangers among 2000 test
# pictures; the two last by their entropy.
#
# <details><summary>What happened</summary>
#
# - **Errors.** With digits the crowd's entropy finds the crowd's errors better than one teacher's finds that
#   teacher's, by 2.0 ± 0.6 points of area; with clothes no difference is told (3.2 ± 3.7). (Ask one teacher for the
#   *crowd's* errors, and it looks ten points worse. That comparison is not fair: who has not made the errors cannot
#   doubt them.) And disagreement, for all its beauty, is behind the plain entropy of the mean, by 3.7 ± 0.7 and 3.5 ±
#   0.5 points: a picture between 4 and 9 makes every teacher unsure, and about that they agree.
# - **Clothes among digits.** One teacher is little better than a coin, 0.64, and varies from seed to seed. Ten reach
#   0.81 and 0.82.
# - **Digits among clothes.** Now disagreement is the *worst* of all, 0.76, eleven points behind a single teacher. The
#   entropy of the mean reaches 0.95. So a score that beat one teacher one way round loses to it the other way
#   round. Nor is it the clothes alone. The record has a control, ten teachers who all have the *same thousand* labels:
#   with them disagreement is the best of these scores both ways round (0.88 and 0.98). Test a score on the strangers
#   *and* with the teachers that you have.
# - **The student inherits the doubt**, more or less: as good as the crowd on errors; on strangers 7.3 ± 7.1 points
#   behind it one way round and level the other. And here is what soft answers were good for: the argmax's student, no
#   worse reader, is 9.5 ± 4.0 points behind when digits come among clothes. (Among the digits the five seeds tell no
#   difference.)
# </details>
#
# ## 4 · Two halves make a whole
#
# Network A knows the digits 0 to 4, and has never seen another. Network B knows 5 to 9. Put their logits side by
# side: ten logits, one for each digit. No label, no picture of the other's.

# %%
halves = [crowds.train_half(*labelled, 5 * k, seed=k) for k in (0, 1)]  # 784-128-5, 500 steps, pictures moved a little
parts = [predict_logits(model, validation[0]) for model in halves]
for k, part in enumerate(parts):
    mine = validation[1] // 5 == k
    assert accuracy(part[mine], validation[1][mine] - 5 * k) > 0.95
print("each of them reads more than 95 % of its own digits: ok")

# %% [markdown]
# > **Predict.** Both are excellent. Side by side: how many digits will they read together? What could go wrong?
#
# Nothing in A's training fixes *where* its five logits lie: add 3 to all of them, and every softmax, every loss,
# every gradient of A stays the same. Nobody chose this constant. But B feels it.
#
# ### ✎ Exercise 10.4 · A constant that nobody chose  (5 minutes, easy)


# %%
def share_of_first(first, second, shift):
    """Put first + shift (N, A) and second (N, B) side by side: the share of pictures whose largest logit is in the first."""
    ...


lesson.share_of_first.check(share_of_first)
# lesson.share_of_first.hint()
# lesson.share_of_first.solution()

# %%
shifts = range(-20, 21)
seam = {"right answers": [], "answers 0 to 4": []}
for shift in shifts:
    joined = torch.cat([parts[0] + shift, parts[1]], -1)
    seam["right answers"].append(accuracy(joined, validation[1]))
    seam["answers 0 to 4"].append(float((joined.argmax(-1) < 5).float().mean()))
assert max(seam["right answers"]) - min(seam["right answers"]) > 0.3
plots.seam(shifts, seam, share=float((validation[1] < 5).float().mean()))

# %% [markdown]
# The constant decides how many answers fall to A. A good one lies somewhere in the middle; whether training left it
# at a good one is luck. And it is not the only thing that nobody fixed.
#
# ### ✎ Exercise 10.5 · A better seam  (15 minutes, hard)
#
# Merge them better: no label of a merged picture, no new training. You may look at what each says of pictures of its
# own kind. You get a *score*: right answers on test pictures, for two pairs of specialists that you have not seen. In
# one of the pairs the second has had much less schooling than the first.


# %%
def merge_halves(first, second, first_own, second_own):
    """Logits (N, 10) for all digits from those of two specialists (N, 5); *_own: each one's logits on its own digits."""
    ...


lesson.merge_halves.check(merge_halves)
# lesson.merge_halves.hint()
# lesson.merge_halves.solution()

# %% [markdown]
# Ours, recorded: each picture's mean logit taken out (*centred*), then each specialist's own loudness divided out
# (*scaled*). A third way gives each specialist a sixth answer, “none of mine”, trained with pictures of another kind.
# The lower half of the figure are students: one network of 64 units that listens to the two on 8000 unlabelled
# pictures.

# %%
WAYS = {
    "plain": "side by side",
    "centred": "centred",
    "centred and scaled": "centred, scaled",
    "none of mine": "“none of mine”",
}


def ways_to_join(name):
    row = row_of("halves", data=name)
    joined = {word: row["joined"][way] for way, word in {**WAYS, "told which half": "told which half"}.items()}
    ways = {**WAYS, "true labels": "true labels"}
    return joined | {f"student of {word}": row["students"][way]["test"] for way, word in ways.items()}


halves_of = {name: ways_to_join(name) for name in ("digits", "clothes")}
kinds = {
    name: 0 if name == "side by side" else 2 if "tru" in name or "told" in name or "mine" in name else 1
    for name in halves_of["digits"]
}
plots.arms(halves_of, baseline="side by side", kinds=kinds, unit="%")

# %%
schools = {
    "equal": "both alike",
    "gentle": "both alike, gentler",
    "A less": "A with less schooling",
    "B less": "B with less schooling",
}
for of, words in schools.items():
    row = row_of("schooling", of=of)
    (centre, c), (scale, s) = points(row["centred"], row["plain"]), points(row["centred and scaled"], row["centred"])
    print(f"{words}: centring {centre:+.1f} ± {c:.1f}, then scaling {scale:+.1f} ± {s:.1f} points")

# %% [markdown]
# <details><summary>What happened</summary>
#
# - **Digits.** Alone they read 99.0 and 97.5 % of their own digits. Side by side 89.2, centred 91.4, and one student
#   keeps 90.8 of it: a network that knows all ten, made without a single label that anybody would have had to hand
#   over. True labels would give 94.4, and a friend who tells which half 98.2. So nearly all of what is lost is lost
#   in the seam.
# - **Centring and scaling.** With equal schooling five seeds do not tell the gain of centring (2.2 ± 2.4 points), and
#   scaling then does nothing. Where one of them has had less schooling it is the other way round: centring alone gains
#   nothing that is told, and scaling adds 6.3 ± 1.0 or 6.6 ± 4.1 points to that. (A reading: a network gets louder as
#   it trains.) And both together, against the plain seam? It is a lottery, so even that is told only where A had less
#   (6.1 ± 5.2) and, just, where both are alike (2.3 ± 2.2); where B had less, it is 2.8 ± 4.3.
# - **“None of mine”** sounds right, and gains nothing that is told. What was learned from clothes does not carry over:
#   shown the *other's digits*, it is said of fewer than 1 in 100. Both are sure that the digit is theirs and share the
#   probability: on 99 % of the pictures the surest class of the joined answer stays below 0.6. The argmax still finds the small difference. A student of soft answers does not, and is 17.6 ± 1.3
#   points *worse* than what it listens to; the control, a student of the joined argmax, reads 89 %.
# - **Clothes are the limit**: about 50 %, whatever the seam, though each knows its own (83.5 and 93.2 %) and
#   together, told which half, 88.3. What they cannot do is notice a stranger. A reading: T-shirt, pullover and coat
#   are in one half, and the shirt is in the other.
# </details>
#
# ## 5 · Two tasks, one body
#
# Two teachers need not answer the same question. Turn each digit by none to three quarters. One teacher says which
# digit it is, another which way it is turned. Can one student of 64 units do both? (As always, no gradient reaches a teacher:
# `detach()`.)
#
# ### ✎ Exercise 10.6 · Two teachers, two heads  (10 minutes, medium)


# %%
def two_task_loss(student_logits, digit_logits, turn_logits, temperature):
    """T² KL(teacher_T || student_T) on the student's first columns for the digit, plus the same on the rest for the turn."""
    ...


lesson.two_task_loss.check(two_task_loss)
# lesson.two_task_loss.hint()
# lesson.two_task_loss.solution()

# %% [markdown]
# > **Predict.** Do the tasks help each other, or do they fight for the 64 units? Think of two controls before you
# > look.

# %%
TASKS = {
    "digit alone, 64 units": 0, "digit alone, 32 units": 2, "both teachers, 64 units": 1, "both labels, 64 units": 2,
    "turn alone, 64 units": 0, "turn alone, 32 units": 2,
}  # fmt: skip
digit = {arm: row_of("tasks", arm=arm)["digit"] for arm in TASKS if not arm.startswith("turn")}
turn = {arm: row_of("tasks", arm=arm)["turn"] for arm in TASKS if not arm.startswith("digit")}
digit, turn = (
    {arm.partition(" ")[2] if " alone" in arm else arm: v for arm, v in found.items()} for found in (digit, turn)
)
plots.arms(
    {"which digit": digit, "which way up": turn},
    baseline="alone, 64 units", kinds={"alone, 64 units": 0, "alone, 32 units": 2, "both labels, 64 units": 2}, unit="%",
)  # fmt: skip

# %% [markdown]
# *Recorded*. The teachers (784-200, 40 000 labels, not tuned) read 91 % of the turned digits and 99 % of the turns.
#
# <details><summary>What happened</summary>
#
# They share, and nobody pays. Both tasks in 64 units read 86.0 % of the digits; the digit alone, with all 64 units to
# itself, 84.8 (difference 1.1 ± 1.1, just told), and with the 32 that would be its fair half 5.1 points less. The
# turn loses 0.2 ± 0.2 points, just told as well. Whoever knows which way up a picture stands has half of the work
# done for reading it: that is a reading, but it would explain why these two tasks do not fight. From labels instead
# of teachers the digit is not told apart (0.8 ± 0.9), the turn is 0.9 ± 0.2 points worse. Two tasks, one pair: others
# may well fight.
# </details>
#
# ## 6 · Six more ideas
#
# The literature on many teachers has more ideas than these. Six of them, in our small world:
#
# - **Born again** (Furlanello et al. 2018): the student, of the teacher's own size, becomes the next teacher;
#   generations follow.
# - **All generations together** as a crowd. And a control: as many networks that never met.
# - **Mutual learning** (Zhang et al. 2018): two beginners imitate each other as they learn.
# - **An assistant** (Mirzadeh et al. 2020): a network of middle size between a large teacher and a tiny student.
# - **Label smoothing**: no teacher at all. And **its own answers**: what a network says of 8000 unlabelled pictures, its
#   probabilities or its bare argmax (*pseudo-labels*), teaches the next one.
#
# > **Predict.** Which of them gain more than one point, on digits with a hundred labels, on clothes with five
# > hundred? Write two of them down before you run the cell.


# %%
def ahead(row, base, ways=None):
    """{way: points that it is ahead of `base`, seed by seed} of a recorded row."""
    ways = ways or [
        way for way, own in row.items() if isinstance(own, dict) and "test" in own and way != "labels_alone"
    ]
    return {way: [100 * (a - b) for a, b in zip(row[way]["test"], base, strict=True)] for way in ways}


gains = {}
for row in recorded["no_help"]:
    gains[f"{row['data']}, {row['labels']} labels"] = ahead(row, row["labels_alone"]["test"])
row = row_of("crowd", data="digits", labels=100, mode="own")
gains["digits, 100 labels"]["its own answers, soft"] = ahead(row["students"], row["single"], ["one"])["one"]
own = {"argmax": row_of("own_argmax", data="digits", labels=100)}
gains["digits, 100 labels"]["its own answers, argmax"] = ahead(own, row["single"])["argmax"]
for width in (4, 8):
    direct, *others = (row_of("assistants", width=width, assistant=size) for size in (0, 16, 64))
    with_assistant = {f"assistant of {size}": own for size, own in zip((16, 64), others, strict=True)}
    gains[f"student of {width} units"] = ahead(with_assistant, direct["test"])
plots.differences(gains)

# %% [markdown]
# *Recorded*: 784-64-10, the same labels, steps and initial weights for all; rates and weights chosen for each by
# three seeds. (The arms with a weight to choose had twice as many tries as the others.) Assistants stand between the
# large teacher of lesson 04 and a student that sees 8000 digits. Mean teachers, a famous idea of the same family,
# were not measured.
#
# With digits, several ideas are ahead by more than a point, and told. Would you publish that? Then we let *twelve*
# seeds choose the rates anew, instead of three, and ran ten fresh ones.
#
# > **Predict.** Which of the gains are still there?

# %%
(again,) = recorded["no_help_again"]
plots.differences({"digits again": ahead(again, again["labels_alone"]["test"])})

# %% [markdown]
# <details><summary>What happened</summary>
#
# They are gone. Born again, three generations: −0.1 ± 0.3, −0.2 ± 0.6, 0.1 ± 0.9 points. Mutual learning: 0.0 ± 0.3.
# What was wrong in the first figure was none of the ideas, it was *labels alone*. Three seeds had chosen 0.02 for it,
# by a hair: 75.5 % of the validation digits against 75.3 at 0.01 and 75.0 at 0.005. Twelve seeds chose 0.005, and
# with that it reads more: 1.6 ± 0.9 points with the five seeds of the first figure, 2.0 ± 0.7 with the ten fresh ones
# (in the record: `baseline`). A badly chosen baseline gives a gain to everything that is compared with it, and
# intervals over five seeds do not see that: all five had the same wrong rate. (The two crowds of digits were not run
# again. Against the better baseline, with the first figure's seeds, they are 0.0 ± 0.7 and 0.1 ± 0.5 points ahead.)
#
# On **clothes** nothing is told in the first place, except that four networks that never met are together 0.5 ± 0.4
# points better than one; four generations of one family are not (0.3 ± 0.6). **Assistants** change nothing that is
# told, at 4 units or at 8. **Its own answers** on 8000 unlabelled digits are worth something to a network of a
# hundred labels (whose rate thirty networks had chosen): 1.4 ± 0.5 points if they are soft, 1.9 ± 0.9 if they are its
# bare argmax. With twenty labels 0.2 ± 0.2 and 2.8 ± 1.2. With clothes 0.2 ± 0.3, and 0.3 ± 0.3. So here, too, the
# argmax teaches no worse.
# </details>
#
# The papers report gains for large networks, large data and long training. Nothing here contradicts them. But all
# these ideas cost a training or more, so the control is always the same: **what would you have got for that money
# otherwise**, more labels, more pictures, or a plain crowd?
#
# ## 7 · A trap
#
# So far a student learned what the data showed. Now look at this. A teacher has learned digits on ten of its outputs;
# it has three more, which **nobody trained**. A student sees pure noise, never a digit, and imitates those three.
# Nothing else: its own ten outputs for digits are in no loss.
#
# > **Predict.** Then we show it digits, and read its ten outputs. How many will it get right? Guessing gives 10 %.

# %%
steps = training.Recipe(steps=600, batch_size=64, learning_rate=2e-3)
noise = torch.rand(10_000, 784, generator=torch.Generator().manual_seed(0)) * 2 - 1


def learn(net, inputs, loss_of, recipe, **options):
    """A run of `net` in which loss_of(logits, chosen) is the loss of a batch."""
    batches = training.batches_of(len(inputs), 64, torch.Generator().manual_seed(recipe.seed))

    def next_loss(temperature, alpha):
        chosen = next(batches)
        return loss_of(net(inputs[chosen]), chosen)

    return training.descend(net, next_loss, recipe=recipe, **options)


@functools.cache
def knowing(extra):
    """A teacher that has learned digits on its first ten outputs, and what its other outputs say of the noise."""
    teacher, (inputs, labels) = models.MLP(784, 128, 128, 10 + extra, seed=0), (part[:20_000] for part in labelled)
    training.drain(learn(teacher, inputs, lambda z, i: F.cross_entropy(z[:, :10], labels[i]), steps))
    return teacher, predict_logits(teacher, noise)[:, 10:]


def starting_like(share, extra, seed=50):
    """A student whose initial weights are the teacher's *initial* ones to this share, and others for the rest."""
    student, start = (models.MLP(784, 128, 128, 10 + extra, seed=number) for number in (seed, 0))
    with torch.no_grad():
        for mine, theirs in zip(student.parameters(), start.parameters(), strict=True):
            mine.copy_(share**0.5 * theirs + (1 - share) ** 0.5 * mine)
    return student


# %%
def read_digits(student):
    return {"accuracy": accuracy(predict_logits(student, validation[0])[:, :10], validation[1])}


def on_noise(share, extra, seed):
    _, wanted = knowing(extra)
    arms = {}
    for name, part in (("shared start", share), ("another start", 0.0)):
        student = starting_like(part, extra, 50 + seed)
        recipe = training.Recipe(steps=600, batch_size=64, learning_rate=5e-3, seed=seed)
        run = learn(student, noise, lambda z, i: F.mse_loss(z[:, 10:], wanted[i]), recipe, evaluate=read_digits)
        arms[name] = student, run
    return arms


trap = widgets.ExperimentPanel(
    on_noise,
    [
        widgets.Control("share", "share of the teacher's start", [0.5, 0.8, 0.9, 1.0], 1.0, names=["50 %", "80 %", "90 %", "100 %"]),
        widgets.Control("extra", "outputs imitated", [1, 3, 10], 3),
    ],
    {"accuracy": ("Digits read right, validation pictures", (0.0, 1.0))}, against="share", steps=600,
)  # fmt: skip
trap.show_and_run()
first_students = dict(trap.students)  # the first run's
read = {name: read_digits(student)["accuracy"] for name, student in first_students.items()}

# %%
assert read["shared start"] > 0.25 > read["another start"]
print("from the teacher's start at least 25 % of the digits, from another one fewer: ok")

# %% [markdown]
# Nobody has shown this student a digit, and nobody has trained its ten outputs. Cloud et al. (2025) call it
# *subliminal learning*.
#
# > **Goal.** Let it imitate all ten spare outputs. Then give it 90 %, 80 %, half of the teacher's start. How exact
# > must it be?
#
# ### ✎ Exercise 10.7 · Where does it sit?  (10 minutes, medium)
#
# Claim: *“the noise and the three outputs carry the digits.”* Or is it the start? Or is any long walk of the weights
# enough? Design the runs that decide: what you change, what you keep, which result would make you give up which
# claim. Write it down as a string; no machine checks it.

# %%
design_a_control = ...

lesson.design_a_control.check(design_a_control)
# lesson.design_a_control.hint()
# lesson.design_a_control.solution()

# %%
names = {"the teacher's start": (1.0, False), "90 % of it": (0.9, False), "half of it": (0.5, False), "another start": (0.0, False),
         "teacher of shuffled labels": (1.0, True)}  # fmt: skip
rows = {
    name: row_of("subliminal", share=share, extra=3, shuffled=shuffled) for name, (share, shuffled) in names.items()
}
before = {"before training": row_of("subliminal", share=1.0, extra=3, shuffled=False)["before"]}
plots.arms(
    {"digits read by students of noise": before | {name: row["test"] for name, row in rows.items()}},
    baseline="before training", kinds={"before training": 0, "another start": 2, "teacher of shuffled labels": 2}, unit="%",
)  # fmt: skip

# %% [markdown]
# <details><summary>What happened</summary>
#
# *Recorded*, each arm at a learning rate of its own. From the teacher's start 51 %, 40 ± 8 points more than before
# training. From nine tenths of it 32 %; from a half, or from another start, nothing that is told. And the long walk
# alone is not it: a teacher that learned *shuffled* labels, from the same start, hands on nothing. With one spare
# output imitated it is 25 %, with ten of them 82 % (from another start 10 and 11 %). So neither the noise nor the
# outputs carry the digits by themselves. They need the start.
# </details>
#
# How can that be? Near the common start the outputs of a net are almost a straight function of its weights. The
# teacher has moved its weights by some $\Delta$. Its three spare outputs moved too, because they share hidden layers
# with the ten: by $J\Delta$, where $J$ is the slope of these outputs. The student, which stands at the start, is
# pulled by the gradient $J^\top J \Delta$. And that never points against $\Delta$: the product of both is
# $\lVert J\Delta \rVert^2 \ge 0$. **Whoever imitates anything of a teacher that started where he stands does not step away
# from him**, and nearly always some way after him, whatever the inputs are. (That is so for a first, small step. How
# far 600 of them lead, only the experiment tells.) From another start, $J$ is another matrix, and the promise is void. Look
# at the walks:


# %%
def walk(net, start):
    return torch.cat([(a - b).detach().flatten() for a, b in zip(net.parameters(), start.parameters(), strict=True)])


of_teacher = walk(knowing(3)[0], models.MLP(784, 128, 128, 13, seed=0))
together = {}
for name, share in (("shared start", 1.0), ("another start", 0.0)):
    own = walk(first_students[name], starting_like(share, 3))
    together[name] = float(F.cosine_similarity(own, of_teacher, dim=0))
chance = 1 / math.sqrt(len(of_teacher))  # the usual size of the cosine of two random walks
assert together["shared start"] > 40 * chance and abs(together["another start"]) < 10 * chance
print("cosine of both walks: shared start above 40 times what chance gives, another start below 10 times: ok")

# %% [markdown]
# (In a net of a hundred thousand weights two random walks have a cosine of about 0.003.) In practice this is about
# *copies*: models that were fine-tuned from one common ancestor. There, filtering what a student sees may not be
# enough; know where its weights come from.
#
# ## Quiz

# %%
lesson.quiz

# %% [markdown]
# ## Summary
#
# - A crowd gains by its labels, not by its heads: ten teachers of different labels gain ten points on digits, ten of
#   the same labels about one. One student keeps it to within a point. Who may put the labels together does better
#   still.
# - The mean of probabilities is the best a student can reach under the mean KL; what is left is the teachers'
#   disagreement. Here a crowd's bare argmax taught no worse than its soft answers.
# - The doubt of a crowd finds errors about as well as a single teacher's finds its own. On strangers disagreement
#   helped one way round and harmed the other, and with other teachers it did not.
# - Specialists can be merged without a label, if constants and loudness are taken out of their logits, and if their
#   kinds differ enough. Their seam is where answers are lost.
# - Born-again generations, mutual learning and assistants gained nothing here, once the baseline's rate was well
#   chosen. A network's own argmax on unlabelled digits did.
# - What a teacher says of noise may carry what it knows, to whoever started from the same weights.
#
# **Left out.** Mean teachers (a student taught by the running mean of its own weights) and virtual teachers; we have
# not measured them. Crowds of large networks, and crowds that keep private what their labels say. How to choose
# teachers picture by picture.
#
# **References**
#
# - T. Furlanello, Z. Lipton, M. Tschannen, L. Itti, A. Anandkumar: *Born-Again Neural Networks*, ICML 2018.
# - Y. Zhang, T. Xiang, T. Hospedales, H. Lu: *Deep Mutual Learning*, CVPR 2018.
# - S. I. Mirzadeh et al.: *Improved Knowledge Distillation via Teacher Assistant*, AAAI 2020.
# - B. Lakshminarayanan, A. Pritzel, C. Blundell: *Simple and Scalable Predictive Uncertainty Estimation using Deep
#   Ensembles*, NeurIPS 2017.
# - A. Cloud et al.: *Subliminal Learning: Language Models Transmit Behavioral Traits via Hidden Signals in Data*,
#   2025, arXiv 2507.14805.
# - H. Xiao, K. Rasul, R. Vollgraf: *Fashion-MNIST*, 2017, arXiv 1708.07747.
#
# **Next:** [11 · Transformer distillation](11_transformer_distillation.ipynb): the same ideas in a network that
# reads.
