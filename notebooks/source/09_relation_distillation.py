# %% [markdown]
# # 09 · Relation distillation
#
# *Two networks may write down everything in other numbers, and still agree on what resembles what.*
#
# | | |
# |---|---|
# | **Time** | 90 minutes alone, 60 in class (skip exercises 9.2 and 9.6) |
# | **Builds on** | [08 · Feature distillation](08_feature_distillation.ipynb) |
#
# **After this lesson you can**
#
# - say why the numbers of a hidden layer have no meaning one by one, and what of them has,
# - write losses that compare how samples lie to each other: distances, angles, cosines,
# - tell for each of them which changes of the teacher it cannot see,
# - judge a space by what it is for, beside raw pixels and other controls.

# %%
from functools import partial

import torch
import torch.nn.functional as F
from IPython.display import display

import kdlab
from kdlab import data, losses, metrics, models, plots, relations, teachers, training, widgets
from kdlab.exercises import relation_distillation as lesson

kdlab.setup()
mnist = data.load_mnist()
recorded = data.load_results("relation_distillation")
inputs, labels = models.to_inputs(mnist.train_images[:10_000]), torch.from_numpy(mnist.train_labels[:10_000])
test, truth = models.to_inputs(mnist.test_images[:2000]), torch.from_numpy(mnist.test_labels[:2000])

# %% [markdown]
# ## 1 · Turn the teacher
#
# In lesson 08 a student copied its teacher's hidden layer number by number, and needed a projection in between. Why? The
# widths differed. But there is a deeper reason. Take the teacher of lesson 04, turn its last hidden layer about in its 1200
# dimensions, and turn the weights behind it back.

# %%
teacher = teachers.load_mnist_teacher()
with torch.no_grad():
    seen = teacher(inputs, details=True)
features, head = seen["hidden"][-1], teacher.layers[-1]
turn = torch.linalg.qr(torch.randn(1200, 1200, generator=torch.Generator().manual_seed(0)))[0]
turned, turned_weight = features[:500] @ turn, head.weight @ turn
assert not torch.allclose(turned, features[:500], atol=0.5)
assert torch.allclose(turned @ turned_weight.T + head.bias, seen["logits"][:500], atol=1e-2)
print("other numbers in the hidden layer, the same ten logits: ok")

# %% [markdown]
# Two networks that say the same of every picture, and share not one number of that layer. So no number of it means
# anything by itself. What has stayed? How far two pictures are from each other. A rotation changes no distance and no
# angle.
#
# That is what **relation distillation** copies: not *what* the teacher writes down for a picture, but how the pictures of a
# batch lie to each other. Park et al. (2019) measure all distances $d_{ij}$ between the $B$ pictures of a batch, and
# divide by their mean over the pairs of different pictures, so that nobody's units matter:
#
# $$L_{\text{distances}} = \frac{1}{B^2} \sum_{i,j} h\!\left(\frac{d^{\text{student}}_{ij}}{\bar d^{\text{student}}} -
# \frac{d^{\text{teacher}}_{ij}}{\bar d^{\text{teacher}}}\right), \qquad
# h(x) = \begin{cases} x^2/2 & |x| < 1 \\ |x| - 1/2 & \text{else}\end{cases}$$
#
# $h$ is called *smooth L1*: a square for small gaps, a line for large ones, so that one pair far away does not drown all
# others. No gradient reaches the teacher, who only teaches: `detach()` its features, here and in 9.4.
#
# ### ✎ Exercise 9.1 · Distances without units  (15 minutes, medium)


# %%
def relational_distance_loss(student_features, teacher_features):
    """Smooth L1 of both tables (B, B) of distances, each divided by its mean over the pairs of different samples."""
    ...


lesson.relational_distance_loss.check(relational_distance_loss)
# lesson.relational_distance_loss.hint()
# lesson.relational_distance_loss.solution()

# %% [markdown]
# Nowhere in it is the width. A student with 2 numbers can learn from a teacher with 1200, without a projection.
#
# ### Angles, similarities, cosines
#
# There is more than one way to say how pictures lie to each other. The same authors take the **angles** of all triangles:
# for three pictures $i, j, k$ the cosine of the angle at $i$, smooth L1 again, mean over all $B^3$. Where $j$ or $k$ is $i$
# itself there is no angle; the entry is 0.
#
# ### ✎ Exercise 9.2 · All triangles  (10 minutes, hard)


# %%
def angles(features):
    """(B, D) -> (B, B, B): [i, j, k] is the cosine of the angle at i between the directions to j and k; 0 if one is i."""
    ...


lesson.angles.check(angles)
# lesson.angles.hint()
# lesson.angles.solution()

# %% [markdown]
# For all directions you need $B^2$ vectors of the teacher's width; with 1200 numbers that is slow. Most of them say
# little: the first 64 principal directions (lesson 08's principal components) of our teacher's features hold nine tenths
# of the variance. So we keep those.
#
# Tung and Mori (2019) take the table of **similarities**, all dot products $F F^\top$, make each row a unit vector, and
# compare the squares of the differences. Others, in the spirit of Passalis and Tefas (2018), take **cosines**, and make
# of each row a softmax: *who is near whom*, as probabilities. (You will write that one in section 3. Lesson 11 compares
# the words of a sentence in the same way, and calls it value relations.)

# %%
mean, main = relations.directions(features, 64)
space = (features - mean) @ main
space = space / space.std()
kept = ((features - mean) @ main).var(0).sum() / features.var(0).sum()
assert 0.85 < kept < 0.95
print("64 of 1200 directions hold 0.85 to 0.95 of the variance: ok")

# %% [markdown]
# Now the dial. Two numbers for each of 24 pictures, the teacher's first two principal directions, so that you can see
# them. The student agrees with the teacher in every number: all losses are 0.
#
# > **Predict.** Which of the five losses will stay 0 when you *rotate* the teacher? *Scale* it? *Shift* it? *Stretch* it in
# > one direction? (The sixth bar, CKA, is a measure of likeness from section 4.)

# %%
widgets.TurnPanel(space[:24, :2], labels[:24])

# %% [markdown]
# <details><summary>What happened</summary>
#
# Rotations, exchanged numbers and scales: only the squared error notices. A shift: distances and angles do not see it,
# since they compare pictures with pictures; similarities and cosines do, since they look from the origin, and the
# origin has moved. A stretch changes the shape of the cloud, and everybody sees it.
#
# </details>
#
# The same with all 64 numbers, and a student of another width that agrees with nobody. Does the loss change, or not?

# %%
stranger = torch.randn(60, 16, dtype=torch.double, generator=torch.Generator().manual_seed(1))
theirs = space[:60].double()
turn = torch.linalg.qr(torch.randn(64, 64, dtype=torch.double, generator=torch.Generator().manual_seed(2)))[0]
changes = {"rotation": theirs @ turn, "order": theirs.flip(1), "scale": 3 * theirs, "shift": theirs + 1,
           "stretch": theirs * torch.linspace(0.2, 2, 64)}  # fmt: skip
measures = {"distances": losses.relational_distance_loss, "angles": losses.relational_angle_loss,
            "similarities": losses.similarity_preserving_loss, "CKA": metrics.linear_cka,
            "cosines": partial(losses.cosine_relation_loss, temperature=0.1)}  # fmt: skip
for name, changed in changes.items():
    gaps = {key: abs(float(f(stranger, changed)) / float(f(stranger, theirs)) - 1) for key, f in measures.items()}
    assert all(gap < 1e-9 or gap > 1e-4 for gap in gaps.values())
    print(f"{name} is seen by:", ", ".join(key for key, gap in gaps.items() if gap > 1e-4) or "nobody")

# %% [markdown]
# Which of these is right? It depends on what the teacher's origin means. Behind a ReLU, 0 is “nothing found”, and a
# cosine has a sense. After centring it is the mean picture, and a cosine has another one. Distances need not ask.
#
# ## 2 · A map drawn from distances alone
#
# How much is in the distances? A student with **two** outputs gets the teacher's distances between the pictures of each
# batch. No label, no logit, no hidden layer, no projection. Its two outputs are a place on a map.
#
# > **Predict.** For each of 400 test pictures, look at the nearest one on the map. By chance it shows the same digit
# > one time in ten. With 600 steps of distances: 20 %, 40 %, 60 %, 90 %? And what will the map look like: islands,
# > rings, a line?

# %%
mixed = torch.randperm(len(space), generator=torch.Generator().manual_seed(0))
with torch.no_grad():
    untrained = models.MLP(784, 1200, 1200, 10, seed=1)(inputs, details=True)["hidden"][-1]
panel = widgets.MapPanel(
    partial(models.MLP, 784, 128, 2),
    inputs,
    {"the teacher": space, "the pixels": inputs, "an untrained network": untrained, "the teacher, pictures mixed up": space[mixed]},
    (test[:400], truth[:400]),
    recipe=training.Recipe(steps=600, batch_size=64, learning_rate=3.9e-2),
)  # fmt: skip
panel.show_and_run()
first = panel.shares[-1][1]  # the first run's, whatever you do in the panel

# %% [markdown]
# Look for groups. Then tick **show the digits**.
#
# > **Goal 1.** Which digits lie beside each other, and why those?
#
# > **Goal 2.** The teacher was taught with labels, so labels came in through it. Draw the map from the distances of the
# > *pixels*, and of an *untrained* network: how much of the map was there without any label?
#
# > **Goal 3.** Mix up the pictures: the same distances, but each belongs to other pictures. What is left?

# %%
assert first > 0.55
print("from the teacher's distances: more than 55 % of the nearest are of the same digit: ok")

# %% [markdown]
# The same over five seeds, each with a learning rate that was chosen for it on validation pictures, and 4000 test pictures.


# %%
def results(section, value="test", **wanted):
    """{arm: [value of each seed]} of the recorded runs that were compared (seeds 0, 1, ...)."""
    rows = [row for row in recorded[section] if row["seed"] < 100 and wanted.items() <= row.items()]
    rows.sort(key=lambda row: row["seed"])
    return {arm: [row[value] for row in rows if row["arm"] == arm] for arm in dict.fromkeys(row["arm"] for row in rows)}


maps = results("map")
drawn = {f"distances of {name}": maps[arm] for name, arm in {
    "the teacher": "teacher", "pixels": "pixels", "an untrained network": "untrained network", "mixed-up pictures": "pictures mixed up",
}.items()}  # fmt: skip
plots.recorded_maps(drawn, {name: maps[name][0] for name in ("teacher, 2 directions", "pixels, 2 directions")})

# %% [markdown]
# *Recorded.* From the teacher's distances two thirds of the nearest are of the same digit: 67 %. From the pixels'
# distances it is 33, from an untrained network's 34. So what came over is what this teacher knows. (It learned with
# labels, but neither a label nor a logit ever reached the student.) With the pictures mixed up 22 % are left, and not
# the 10 of pure chance: a network that has learned nothing still puts similar pictures at similar places.
#
# The lines are cheaper maps, two principal directions each: of the pixels, and of the teacher's own 1200 numbers. The
# latter is better than ours (80 %), but needs the teacher for every new picture. The student looks at the pixels.
#
# ## 3 · A space for digits never seen
#
# What is such a space good for? Not for naming digits: the logits do that. But think of a search in a collection of
# pictures: *show me more like this one*. Nobody knows the classes in advance, and no logit belongs to them. What is
# needed is a space in which the nearest picture is of the same kind. That is measured by **recall@1**.
#
# ### ✎ Exercise 9.3 · Is the nearest one of the same kind?  (10 minutes, medium)


# %%
def recall_at_one(features, labels):
    """The share of the N pictures whose nearest *other* picture has the same label; nearest by Euclidean distance."""
    ...


lesson.recall_at_one.check(recall_at_one)
# lesson.recall_at_one.hint()
# lesson.recall_at_one.solution()

# %% [markdown]
# So: students with 16 outputs that learn from the digits 0 to 6. Then we look for neighbours among 7, 8 and 9, which
# they have never seen. (The teacher has. Keep that in mind.)
#
# For the relations we take cosines. With unit vectors $u_i$ and a temperature $\tau$,
#
# $$p_{ij} = \frac{\exp(u_i \cdot u_j / \tau)}{\sum_{k \neq i} \exp(u_i \cdot u_k / \tau)}, \qquad
# L_{\text{cosines}} = \frac{1}{B} \sum_i \mathrm{KL}\!\left(p^{\text{teacher}}_i \,\|\, p^{\text{student}}_i\right)$$
#
# A small $\tau$ makes it care for the nearest few and forget about the far ones. The sum leaves $i$ itself out: its
# cosine is always 1.
#
# ### ✎ Exercise 9.4 · Who resembles whom  (15 minutes, hard)


# %%
def cosine_relation_loss(student_features, teacher_features, temperature):
    """KL(teacher || student) of softmax(cosines / temperature), each sample among the others, mean over the samples."""
    ...


lesson.cosine_relation_loss.check(cosine_relation_loss)
# lesson.cosine_relation_loss.hint()
# lesson.cosine_relation_loss.solution()

# %% [markdown]
# Two students with the same start, batches and steps. One learns to name the digits 0 to 6, with a head on its 16
# numbers; the other learns the teacher's cosines between pictures of 0 to 6.

# %%
known = (labels < 7).nonzero()[:, 0]
by_labels, by_cosines = models.MLP(784, 128, 16), models.MLP(784, 128, 16)
recipe = training.Recipe(steps=300, batch_size=64, learning_rate=1e-2)

with_head = torch.nn.Sequential(by_labels, models.MLP(16, 10, seed=1))
training.fit(with_head, inputs[known], labels[known], recipe=recipe)

cosines = partial(losses.cosine_relation_loss_core, temperature=0.1)
run = relations.train_relations(by_cosines, inputs[known], features[known], recipe=recipe, loss=cosines)
last = training.drain(run).records[-1]["loss"]
assert last < 1 and metrics.accuracy(teachers.predict_logits(with_head, test[truth < 7]), truth[truth < 7]) > 0.9
print("both have learned: ok")

# %% [markdown]
# > **Predict.** Whose neighbours are better among 7, 8 and 9? And how do raw pixels do, the picture itself as 784
# > numbers?
#
# Choose a picture. Every row is a space; the nearest are those with the largest cosine, as the loss has it. (The figure
# below lets the validation pictures choose between this and Euclidean distances.)

# %%
new = (truth > 6).nonzero()[:, 0]
with torch.no_grad():
    spaces = {
        "the teacher": teacher(test[new], details=True)["hidden"][-1],
        "taught by cosines": by_cosines(test[new]),
        "taught by labels": by_labels(test[new]),
        "raw pixels": test[new],
    }
near = widgets.NeighboursPanel(mnist.test_images[:2000][new.numpy()], truth[new], spaces, show=16, picture=6)
near

# %% [markdown]
# > **Goal.** Find a picture on which the students disagree. Who is right, and does the mistake look like one that you could
# > have made?

# %%
assert near.recall["the teacher"] > 0.97 and near.recall["raw pixels"] > 0.9
print("the teacher: over 97 %; raw pixels, which nobody has trained: over 90 %: ok")

# %% [markdown]
# That is one run with one learning rate. Before the careful ones, be the sceptic again.
#
# ### ✎ Exercise 9.5 · What did the teacher add?  (10 minutes, medium)
#
# Claim: *“the student that copies the teacher's cosines finds unseen digits, because the teacher's space says what
# resembles what.”* Design the control, or controls, that could take this claim down: what you change, what you keep,
# and which result would make you give the claim up. Write it down as a string; no machine checks it, the solution says
# what a good answer holds.

# %%
design_a_control = ...

lesson.design_a_control.check(design_a_control)
# lesson.design_a_control.hint()
# lesson.design_a_control.solution()

# %% [markdown]
# Ours: five seeds, 4000 test pictures, 300 steps (more were not tried). The arms:
#
# - *labels* and *logits*, with a linear head on the 16 numbers; *hint*, lesson 08's, through a projection;
# - *contrastive*: among the teacher's features of the whole batch, find those of the same picture
#   (`losses.contrastive_loss`; through a projection, too);
# - *distances*, *angles*, *similarities* and *cosines* as above; *centred*: with the teacher's mean picture as origin;
# - the controls: the same loss as *cosines*, with others to copy, those of labels (0 or 1), of pixels (centred), of an
#   untrained network of the teacher's shape.
#
# Each arm has nine tries for its learning rate and (where it has one) temperature, with two seeds, and more where the best
# lay at the edge: up to 34 for logits. They and the distance, Euclidean or cosine, are chosen on validation pictures of
# the digits that the student knows. (An untrained student, beyond the left edge: 59 and 76 %.)

# %%
ARMS = ["labels", "logits", "hint", "contrastive", "distances", "distances, angles", "similarities", "cosines", "cosines, centred",
        "cosines of labels", "cosines of pixels", "cosines of an untrained network"]  # fmt: skip
GIVEN = ("teacher", "pixels")
KINDS = {"labels": 0} | dict.fromkeys(ARMS[-3:], 2)
digits = {
    "all ten": results("spaces", task="digits", known="all", measure="recall"),
    "7 to 9, never seen": results("spaces", task="digits", known="0 to 6"),
}
plots.arms(
    {title: {arm: found[arm] for arm in ARMS} for title, found in digits.items()},
    baseline="labels",
    references={title: {name: found[name][0] for name in GIVEN} for title, found in digits.items()},
    kinds=KINDS,
    unit="recall@1 in %",
)

# %% [markdown]
# *Recorded.* A dot is a seed; in brackets the difference to labels, paired over the seeds, with its 95 % interval.
#
# - **All ten digits.** The teacher's cosines are 1.6 ± 0.4 points ahead of labels and 1.0 ± 0.5 ahead of logits. Is it
#   the teacher, or the loss? The same loss with *labels* in the teacher's place does what labels do: here the teacher
#   added something. (Contrast is half a point ahead of labels. Hint, angles and similarity matrices are half a point
#   behind, plain distances more.)
# - **Digits never seen.** Now relations seem to shine: labels 82 %, logits 87, distances 91, cosines 95. Our reading:
#   labels teach a student to forget whatever does not tell 0 to 6 apart, and what makes a 7 goes with it. Cosines of
#   labels forget it, too (83).
# - **But look at the controls.** A student that copies the cosines of the *raw pixels*, without any teacher, finds 94
#   %: 1.0 ± 1.1 less than the teacher's (1.1 ± 0.9 if the teacher's are centred, as the pixels are). An untrained
#   network's cosines: 94 %, too. And the pixels themselves, 96 %, are ahead of every student (92.5, cut down to 16
#   principal directions, as many numbers as a student has). So much for the claim of exercise 9.5: among digits never
#   seen, what helps is to keep apart what the *pictures* keep apart; the teacher adds a point, if anything. That it
#   knows a 7, 99.5 %, did not come over.
#
# These intervals are about the seeds. The pictures are the same for all, and of 7 to 9 there are only 1186: with others
# (lesson 06) they would be wider. A lead of one point among them is not safe.
#
# And **clothes**? Never seen are sneaker, bag and boot.

# %%
FEWER = ["labels", "logits", "contrastive", "distances", "similarities", "cosines", *ARMS[-3:-1]]
clothes = {
    "all ten": results("spaces", task="clothes", known="all", measure="recall"),
    "7 to 9, never seen": results("spaces", task="clothes", known="0 to 6"),
}
plots.arms(
    {title: {arm: found[arm] for arm in FEWER} for title, found in clothes.items()},
    baseline="labels",
    references={title: {name: found[name][0] for name in GIVEN} for title, found in clothes.items()},
    kinds=KINDS,
    unit="recall@1 in %",
)

# %% [markdown]
# *Recorded.* Among all ten kinds cosines are 0.9 ± 1.0 ahead of labels, which is none by our rule; contrast is 1.4 ± 1.3
# ahead, distances and similarity matrices are 1.0 ± 0.4 and 1.7 ± 0.8 behind. Among kinds never seen it is as with digits:
# cosines 95.1 %, labels 91.7, cosines of pixels 93.8 (1.3 ± 0.9 less than the teacher's), and 94.9 the pixels themselves.
#
# A third measure (recorded, no figure), one that names digits: ten labelled pictures of each class, and every picture
# gets the label of the nearest. Cosines 91.7 %, logits 91.4, labels 90.2 (cosines are 1.5 ± 1.7 ahead: none), distances
# 85.0, raw pixels 72.0. The raw pixels were ahead of all students among unseen digits, in their middle among all ten, and
# are last here. *Better features* is no sentence without its *for what*.
#
# ## 4 · Closeness is not usefulness
#
# Is a student good because it has become like its teacher? How alike are two spaces, if rotation, scale and shift do
# not count? **Linear CKA** (Kornblith et al. 2019) answers with one number from 0 to 1. With the features $X$ of one
# network and $Y$ of the other, columns centred,
#
# $$\mathrm{CKA} = \frac{\lVert X^\top Y \rVert^2}{\lVert X^\top X \rVert \, \lVert Y^\top Y \rVert}$$
#
# ### ✎ Exercise 9.6 · How alike are two spaces?  (5 minutes, easy)


# %%
def linear_cka(x, y):
    """||Xᵀ Y||² / (||Xᵀ X|| ||Yᵀ Y||) of features (N, D) and (N, D') whose columns are centred first; a number from 0 to 1."""
    ...


lesson.linear_cka.check(linear_cka)
# lesson.linear_cka.hint()
# lesson.linear_cka.solution()

# %% [markdown]
# > **Predict.** Draw the arms of the last figure with their CKA to the right and their recall upwards. Do they lie on a
# > line?

# %%
alike = results("spaces", "cka", task="digits", known="all", measure="recall")
found = results("spaces", task="digits", known="all", measure="recall")
plots.closeness({arm: (alike[arm], found[arm]) for arm in ARMS}, kinds=KINDS)

# %% [markdown]
# *Recorded.* They do not. Most like the teacher are the students of the hint and of the similarity matrices, 0.91, and
# they find half a point less than those of labels, 0.68. The best finder, cosines, has 0.80. (Quite unlike the
# teacher is no good, either: the cosines of an untrained network, 0.36 and 91 %.) CKA weighs each direction by how much
# varies along it; who is nearest is decided by small differences. Neither number is wrong. They answer different
# questions, and only one of them was ours.
#
# So if you need neighbours, measure neighbours. “More like the teacher” is a means.
#
# ## 5 · An ordinary case, and what brought nothing
#
# Back to the 100 labelled pictures of lesson 08, where features on top of labels brought next to nothing. Similarity
# matrices were proposed for just that: a second loss beside labels, or beside logits.

# %%
before = data.load_results("feature_distillation")["few"]
few = {}
for task in ("digits", "clothes"):
    plain = {arm: [row["test"] for row in sorted(before, key=lambda row: row["seed"]) if row["seed"] < 100
                   and (row["arm"], row["task"]) == (arm, task)] for arm in ("labels", "logits")}  # fmt: skip
    both = results("few", task=task)
    few[task] = {"labels": plain["labels"], "labels + similarities": both["labels + similarities"], "logits": plain["logits"],
                 "logits + similarities": both["logits + similarities"]}  # fmt: skip
CONTROL = "similarities, untrained teacher"
few["digits"][CONTROL] = results("few", task="digits")["labels + similarities, untrained"]
for task in few:
    display(plots.arms({task: few[task]}, baseline="labels", kinds={"labels": 0, CONTROL: 2}, size=(8.6, 2.6)))

# %% [markdown]
# *Recorded*; labels and logits are those of lesson 08, with the same draws. (They had nine tries, the arms with
# similarities 16 to 30, for their weight had to be found.) With digits the similarities of the last maps add 3.7 ± 0.7
# points to labels and, paired with logits alone, 6.7 ± 2.5 to logits (in lesson 08 a hint added 6 ± 3 to logits). The
# control, similarities of a teacher that has learned nothing, adds nothing to labels; at the weight that one seed chose
# it even does harm. With clothes the real ones add nothing: 0.2 ± 0.4 to labels and −0.2 ± 1.0 to logits. The same two
# answers as in lesson 08. What similarities have over a hint is that there is no projection to draw, to learn and to
# throw away.
#
# ### Relations between layers
#
# One relation is left that is not between samples. Yim et al. (2017) compare, for one picture, **two layers of the same
# network**: which channels of the first light up where which of the second do. Their FSP matrix is $\frac{1}{hw} F_1
# F_2^\top$, channels by channels. What does it not see? Where things are; but it does see which channel is which, so
# student and teacher must agree on the order of their channels.

# %%
ours, theirs = ([torch.randn(8, c, 49, dtype=torch.double) for c in (4, 6)] for _ in range(2))
as_maps = lambda pair: [maps.reshape(8, -1, 7, 7) for maps in pair]  # noqa: E731
base = losses.fsp_loss(*as_maps(ours), *as_maps(theirs))
places = torch.randperm(49)
moved = losses.fsp_loss(*as_maps(ours), *as_maps([maps[..., places] for maps in theirs]))
renamed = losses.fsp_loss(*as_maps(ours), *as_maps([maps.flip(1) for maps in theirs]))
assert torch.isclose(base, moved) and not torch.isclose(base, renamed)
print("other places: the same loss. The same channels in another order: another loss. ok")

# %% [markdown]
# These are its properties; what it is worth to a student is not recorded here.
#
# ## Quiz

# %%
lesson.quiz

# %% [markdown]
# ## Summary
#
# - The numbers of a hidden layer mean nothing one by one: turn them, and the answers stay. Relations between samples
#   stay, too; to copy them needs neither a projection nor equal widths.
# - Distances and angles see no rotation, scale or shift. Similarity matrices and cosines see a shift. A stretch is seen
#   by all.
# - A student with two outputs drew a map of the digits from distances alone.
# - A space is judged by its use, beside raw pixels. Among known digits the teacher's cosines were 1.6 ± 0.4 points
#   ahead of labels, and it was the teacher; with clothes no lead could be told. Among digits and clothes never seen they
#   were far ahead of labels, and so, within a point or so, were the cosines of raw pixels, with no teacher at all.
# - Likeness to the teacher (CKA) did not tell which space was useful.
#
# **Left out.** Memory banks, from which contrastive distillation (CRD) draws thousands of negatives: ours come from the
# batch alone. Relations between the tokens of a text: lesson 11. Which pictures to put into one batch, which matters
# for everything that compares pairs.
#
# **References**
#
# - W. Park, D. Kim, Y. Lu, M. Cho: *Relational Knowledge Distillation*, CVPR 2019.
# - F. Tung, G. Mori: *Similarity-Preserving Knowledge Distillation*, ICCV 2019.
# - N. Passalis, A. Tefas: *Learning Deep Representations with Probabilistic Knowledge Transfer*, ECCV 2018.
# - Y. Tian, D. Krishnan, P. Isola: *Contrastive Representation Distillation*, ICLR 2020.
# - J. Yim, D. Joo, J. Bae, J. Kim: *A Gift from Knowledge Distillation*, CVPR 2017.
# - S. Kornblith, M. Norouzi, H. Lee, G. Hinton: *Similarity of Neural Network Representations Revisited*, ICML 2019.
#
# **Next:** [10 · Many teachers](10_many_teachers.ipynb): what a crowd knows, and how one student keeps it.
