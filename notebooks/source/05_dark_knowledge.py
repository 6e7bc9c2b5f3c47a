# %% [markdown]
# # 05 · Dark knowledge
#
# *A student that learns without a single label, one that reads a digit it was never shown, and what else is handed down.*
#
# | | |
# |---|---|
# | **Time** | 80 minutes alone (exercise 5.2 is optional), with a break before section 3; 55 in class (skip exercises 5.2 and 5.6) |
# | **Builds on** | [04 · A student that learns while you watch](04_mlp_distillation.ipynb) and what it builds on |
#
# **After this lesson you can**
#
# - train a student on pictures that nobody has labelled, and say how much of its success is *softness*,
# - bring to light what a student has learned about a digit that it was never shown,
# - measure more than accuracy: calibration, macro F1, second choices,
# - look up what a student took over from its teacher that accuracy does not show.

# %%
import math
import statistics
from dataclasses import replace

import torch
from torch.nn import functional as F

import kdlab
from kdlab import data, models, plots, teachers, training, widgets
from kdlab.exercises import dark_knowledge as lesson
from kdlab.intervals import t_interval
from kdlab.losses import kl_divergence, soft_targets
from kdlab.metrics import accuracy, errors
from kdlab.teachers import predict_logits

kdlab.setup()
mnist = data.load_mnist()
teacher = teachers.load_mnist_teacher()
recorded = data.load_results("dark_knowledge")

inputs = models.to_inputs(mnist.train_images[:10_000])
labels = torch.from_numpy(mnist.train_labels[:10_000])
teacher_logits = predict_logits(teacher, inputs)

validation_inputs = models.to_inputs(mnist.train_images[50_000:55_000])
validation_labels = torch.from_numpy(mnist.train_labels[50_000:55_000])
validation_teacher_logits = predict_logits(teacher, validation_inputs)

# %% [markdown]
# Once more 10 000 pictures to learn from, with their labels and the teacher's logits, and 5000 for validation. The
# test set is opened more than once below, to look and to report; nothing is ever chosen on it.
#
# Students below that are compared with each other differ in what they hear, and each has *its own* learning rate: the
# one that did best for it on validation pictures, with other seeds than those that are shown. Soft targets often bear a
# larger one than labels. (Why that matters, and what happens if all share one rate, is lesson 06.)
#
# ## 1 · Twenty labels
#
# Labels are expensive: somebody has to sit down and write them. Pictures are cheap. So imagine that of the 10 000
# digits only **twenty** have a label, two of each kind. And imagine that somebody lends you a teacher.
#
# ### ✎ Exercise 5.1 · Two of each  (5 minutes, easy)
#
# Draw the same number of examples of every class. Return their *positions*, so that pictures, labels and the teacher's
# logits can follow.


# %%
def balanced_draw(labels, per_class, generator):
    """Positions of `per_class` random examples of every class, as one tensor."""
    ...


lesson.balanced_draw.check(balanced_draw)
# lesson.balanced_draw.hint()
# lesson.balanced_draw.solution()

# %%
from kdlab.labels import balanced_draw

few = balanced_draw(labels, 2, torch.Generator().manual_seed(0))
assert labels[few].bincount().tolist() == [2] * 10
one_of_each = few[labels[few].argsort(stable=True)][::2]
plots.digits(mnist.train_images[one_of_each], labels[one_of_each].tolist())

# %% [markdown]
# One of each: half of all the labels there are. What can the teacher do with the other 9 980 pictures? It can look at
# them. Its answer needs no label: with $\alpha = 0$ the loss of lesson 03 is $T^2\,\mathrm{KL}(p_T \| q_T)$, and no
# $y$ is left in it. Such pictures, which have an answer of the teacher in place of a label, are called the **transfer
# set**.
#
# What if some of them *do* have a label? Then each term looks at its own pictures. Mark "no label" by −1. The next
# exercise is optional; nothing later needs it.
#
# ### ✎ Exercise 5.2 · A loss for pictures without labels  (10 minutes, medium)
#
# The label's term is the mean over the pictures that have one, and 0 in a batch where none has. The teacher speaks
# about all of them. `kl_divergence(student_logits, teacher_logits, temperature=...)` of lesson 02 is at hand, and so is
# PyTorch's `F.cross_entropy`.


# %%
def transfer_loss(student_logits, teacher_logits, labels, temperature, alpha):
    """alpha · CE on the pictures that have a label + (1 - alpha) · T² · KL on all of them; label -1 means none."""
    ...


lesson.transfer_loss.check(transfer_loss)
# lesson.transfer_loss.hint()
# lesson.transfer_loss.solution()

# %% [markdown]
# <details><summary>My loss is fine for a while, then it is <code>nan</code> for ever</summary>
#
# With 20 labels among 10 000 pictures, three batches of 128 in four hold no label at all. The mean of nothing is 0 /
# 0, and one `nan` in the weights never goes away.
# </details>
#
# Four students shall compete. They have the same 128 hidden units, initial weights and number of steps:
#
# | student | learns from | and is told |
# |---|---|---|
# | hard labels | the few labelled pictures | their labels |
# | distilled, same pictures | the same few | the teacher's soft targets |
# | teacher's argmax | the transfer set | the teacher's decision: one digit, nothing else |
# | distilled | the transfer set | the teacher's soft targets |
#
# The third is the **control**. It shares the pictures and the teacher with the fourth, and lacks only the softness.
#
# > **Predict.** Twenty labels, and a transfer set of 10 000. Write down an accuracy for each of the four. Which two
# > will be close to each other?

# %%
quick = training.Recipe(temperature=4, alpha=0, steps=300)


def rate(arm, pictures):
    """The learning rate that was best for this arm, at the nearest number of pictures that was tried."""
    rows = [row for row in recorded["few_labels"] if row["arm"] == arm]
    best = {row.get("labels") or row["transfer"]: row["learning_rate"] for row in rows}
    return best[min(best, key=lambda tried: abs(math.log(tried / pictures)))]


def start(inputs, labels, teacher_logits=None, *, recipe=quick, measure=None, **settings):
    """A new student 784-128-10, and its training run."""
    recipe = replace(recipe, **settings)
    student = models.MLP(784, 128, 10, seed=recipe.seed)
    return student, training.train(student, inputs, labels, teacher_logits, recipe=recipe, evaluate=measure or look)


def look(student):
    return {"accuracy": accuracy(predict_logits(student, validation_inputs[:2000]), validation_labels[:2000])}


# %%
def four_students(labelled, transfer, seed):
    few = balanced_draw(labels, labelled // 10, torch.Generator().manual_seed(seed))
    x, v = inputs[:transfer], teacher_logits[:transfer]
    seen = {
        "hard labels": (inputs[few], labels[few]),
        "distilled, same pictures": (inputs[few], labels[few], teacher_logits[few]),
        "teacher's argmax": (x, v.argmax(-1)),
        "distilled": (x, v.argmax(-1), v),  # alpha is 0: these labels only fill a place
    }
    return {arm: start(*parts, learning_rate=rate(arm, len(parts[0])), seed=seed) for arm, parts in seen.items()}


# %%
labels_panel = widgets.ExperimentPanel(
    four_students,
    controls=[
        widgets.Control("labelled", "labelled pictures", [20, 50, 100, 200, 500, 1000, 2000, 5000], 20),
        widgets.Control("transfer", "transfer set, no labels", [20, 100, 500, 1000, 2000, 5000, 10_000], 10_000),
    ],
    measures={"accuracy": ("Accuracy on 2000 validation images", (0.2, 1.0))},
    against="labelled",
    references={"teacher": {"accuracy": accuracy(validation_teacher_logits[:2000], validation_labels[:2000])}},
    steps=quick.steps,
)
labels_panel.show_and_run()
twenty = dict(labels_panel.students)  # the first run's, kept for later, whatever you do in the panel

# %%
right = {name: accuracy(predict_logits(s, validation_inputs), validation_labels) for name, s in twenty.items()}
assert right["distilled"] - right["hard labels"] > 0.10
print("no label and a teacher: more than 10 points better than twenty labels: ok")

# %% [markdown]
# <details><summary>What happened</summary>
#
# A student that has not been given one label leaves the one with twenty labels far behind. Is that dark knowledge?
# The control (squares) says: hardly. It comes close to the distilled student, without any softness.
# </details>
#
# Now play: move a slider, press **Start**, and the outcomes gather on the right.
#
# > **Goal 1.** Set the transfer set to 1000. How many labelled pictures do hard labels need before they catch up with
# > the student that learns from 1000 soft targets?
#
# > **Goal 2.** Find a size of the transfer set at which the control clearly falls behind. Is that a large or a small
# > one?
#
# Here is the whole picture, *recorded* over several seeds. The printed lines are 95 % intervals (lesson 06 explains
# them) of a difference between two arms, seed by seed. They speak of new seeds (weights, batches and, where there are no
# more than 1000 pictures or where they are labelled, which ones), with this teacher and on these test pictures.

# %%
plots.few_labels(recorded)


# %%
def test_errors(arm, **where):
    """Errors of 10 000, one number for each seed: ten of them for 20 and 100 pictures, else five."""
    (row,) = (r for r in recorded["few_labels"] if r["arm"] == arm and where.items() <= r.items() and "unseen" not in r)
    return row["test_errors"]


def saved(ours, theirs):
    """How many errors `ours` has less, as mean and half-width of a 95 % interval over the seeds."""
    return t_interval([b - a for a, b in zip(ours, theirs, strict=True)])


more = {"transfer": 10_000}
hard, argmax, soft = (
    statistics.fmean(test_errors(arm, **where))
    for arm, where in (("hard labels", {"labels": 20}), ("teacher's argmax", more), ("distilled", more))
)
print(
    f"of the way from 20 labels to soft targets on 10 000 pictures the argmax covers {(hard - argmax) / (hard - soft):.0%}"
)
for n in (100, 1000, 10_000):
    mean, half = saved(test_errors("distilled", transfer=n), test_errors("teacher's argmax", transfer=n))
    print(f"{n} pictures without labels: softness saves {mean:.0f} ± {half:.0f} errors")
for n in (20, 100, 500, 5000):
    mean, half = saved(test_errors("distilled, same pictures", labels=n), test_errors("hard labels", labels=n))
    print(f"{n} labelled pictures: soft targets save {mean:.0f} ± {half:.0f} errors")

# %% [markdown]
# <details><summary>What happened</summary>
#
# Read the figure from left to right: all lines fall together. **What counts most is how many pictures the student
# sees.** The teacher's first gift is that it can label as many as you like. Of the way from twenty labels to the student
# distilled on 10 000 pictures, its bare decision covers 98 %.
#
# Then compare the solid line with the squares, at the same number of pictures. That distance is the *softness*. It saves
# nearly a quarter of the errors with 1000 pictures and a sixth with 10 000; with 100 ten seeds cannot tell. On the
# *labelled* pictures (triangles against hard labels) soft targets save a sixth with 500 and a fifth with 5000, two or three
# in a hundred with 100, and with 20 nothing that is told: which twenty were drawn matters far more.
# </details>
#
# Four honest remarks. Learning rates were chosen on thousands of *labelled* validation pictures, which somebody with
# twenty labels does not have; that is the first.
#
# - The teacher was trained on 50 000 labels, these pictures among them. It brings knowledge along that the student
#   with twenty labels never had.
# - A teacher that knows the pictures by heart might look better than it is. The stars are students that learned from
#   pictures which the teacher had *never* seen: the control loses half a point, and for the soft one no loss is told
#   (16 ± 28 errors); they are other pictures, too. The soft one stays ahead.
# - An earlier edition said that softness saves a tenth with 100 pictures, 287 ± 88 errors. All its seeds had the *same*
#   hundred, the first in the file, and rates were chosen by three of them. Now every seed draws its own hundred, and twelve
#   choose: what was told is gone. An interval speaks of what varies in it, and of nothing else.
#
# ## 2 · The digit that was never shown
#
# The next experiment is the best known of Hinton's paper. Take *all* pictures of the 3 out of the transfer set. The
# student never sees a 3, and no picture it sees is labelled 3.
#
# > **Predict.** Afterwards we show two students 3s. How many will hard labels recognise? And the distilled student, at
# > T = 1, and at T = 20?
#
# ### ✎ Exercise 5.3 · A digit goes missing  (5 minutes, easy)


# %%
def omit_digit(digit, inputs, labels, teacher_logits):
    """Everything but this digit: (inputs, labels, teacher_logits), in the order they had."""
    ...


lesson.omit_digit.check(omit_digit)
# lesson.omit_digit.hint()
# lesson.omit_digit.solution()

# %%
slow = replace(quick, steps=500)


def rate_without(arm, temperature):
    rows = [row for row in recorded["omitted"] if row["arm"] == arm and row["digit"] == 3]
    return next(row["learning_rate"] for row in rows if row.get("temperature", temperature) == temperature)


def two_students(digit, temperature, seed):
    keep = labels != digit
    shown = validation_labels[:2000] == digit

    def measure(student):
        logits = predict_logits(student, validation_inputs[:2000])
        found = accuracy(logits[shown], validation_labels[:2000][shown])
        return {"found": found, "accuracy": accuracy(logits, validation_labels[:2000])}

    x, y, v = inputs[keep], labels[keep], teacher_logits[keep]
    assert not (y == digit).any()
    how = {"recipe": slow, "measure": measure, "seed": seed, "temperature": temperature}
    return {
        "hard labels": start(x, y, learning_rate=rate_without("hard labels", temperature), **how),
        "distilled": start(x, y, v, learning_rate=rate_without("distilled", temperature), **how),
    }


# %%
digit_panel = widgets.ExperimentPanel(
    two_students,
    controls=[
        widgets.Control("digit", "omitted digit", list(range(10)), 3, kind="menu"),
        widgets.Control("temperature", "temperature", [1, 2, 4, 8, 20], 20),
    ],
    measures={
        "found": ("Recognised of the omitted digit", (0.0, 1.0)),
        "accuracy": ("Accuracy on all digits", (0.5, 1.0)),
    },
    against="temperature",
    steps=slow.steps,
)
digit_panel.show_and_run()
threes = dict(digit_panel.students)  # the first run's, kept for later

# %% [markdown]
# <details><summary>What happened</summary>
#
# The distilled student calls many 3s by their name, the other one none. It must have it from the soft targets, since
# nothing else spoke of 3s; our reading: in the soft targets of the 8s, the 5s and the 2s.
# </details>
#
# > **Goal 1.** Run all five temperatures. Which way do the blue points go, and up to where? Keep an explanation ready:
# > it will be put to the test below.
#
# > **Goal 2.** Omit a digit that you expect to be harder to learn in this way. Were you right?
#
# Where was that written? These are pictures *in* the transfer set, none of them a 3. Of all of them the teacher finds
# these the most like a 3:

# %%
others = (labels != 3).nonzero().squeeze(1)
hint_of_3 = soft_targets(teacher_logits[others], 4.0)[:, 3]
likest = others[hint_of_3.topk(9).indices]
plots.digits(mnist.train_images[likest], [f"label {labels[i]}" for i in likest])

# %% [markdown]
# Bent 5s, 2s without a foot, even a 9: each is told "and a good deal of 3", at T = 4 a quarter or more. The first one
# is a case by itself: labelled 5, and the teacher takes it *for* a 3. Thousands of others are told how *little* of a 3
# they are, and that is a number too. Our reading: from all of these together the student learns what a 3 would be.
#
# ### It knows, and does not say
#
# Look at a 3 with the student's eyes. In its whole life the answer was "3" for one picture of nine thousand, that
# first 5; otherwise something else was always likelier. So it has learned two things about the 3: *what it looks
# like*, and *that it hardly happens*. The second is wrong from now on, and it sits mostly in a single number: the
# **bias** of logit 3. Raise it, and see what the student knew.
#
# > **Goal.** Find the bias with the fewest errors *in all*. Note what each further step costs the other digits. When
# > you have decided, open the test set.

# %%
digit = digit_panel.settings["digit"] if digit_panel.students else 3  # a panel that was reset has no students
reader = (digit_panel.students or threes)["distilled"]
test_inputs, test_labels = models.to_inputs(mnist.test_images), torch.from_numpy(mnist.test_labels)
logits, test_logits = predict_logits(reader, validation_inputs), predict_logits(reader, test_inputs)

widgets.BiasPanel(logits, validation_labels, digit, test=(test_logits, test_labels))

# %% [markdown]
# The panel shows the latest distilled student of the panel above. (It counts on 5000 pictures, the one above on 2000,
# so the shares differ a little.) Omit another digit there, and run this cell again.
#
# ### ✎ Exercise 5.4 · The bias that was missing  (10 minutes, medium)
#
# Let the computer search: of some candidates, which leaves the fewest errors?


# %%
def best_bias(logits, labels, digit, candidates):
    """The candidate that, added to the logit of `digit`, leaves the fewest errors among all pictures."""
    ...


lesson.best_bias.check(best_bias)
# lesson.best_bias.hint()
# lesson.best_bias.solution()

# %% [markdown]
# Now the first student of this section, with its best bias, which is chosen on validation pictures and judged on test
# pictures. Below it, *recorded*: five seeds, and every digit. You saw blue points rise with the temperature.
#
# > **Predict.** Does that rise stay once each student has got its own best bias?

# %%
logits, test_logits = (predict_logits(threes["distilled"], x) for x in (validation_inputs, test_inputs))
corrected, shown = test_logits.clone(), test_labels == 3
corrected[:, 3] += widgets.BiasPanel(logits, validation_labels, 3).best_bias

before, after = (accuracy(z[shown], test_labels[shown]) for z in (test_logits, corrected))
assert after > 0.7 and after - before > 0.2
assert errors(test_logits, test_labels) - errors(corrected, test_labels) > 150
print("of the 3s it was never shown, more than 70 % are recognised, and at least 150 errors in all are gone: ok")
plots.omitted(recorded)

# %% [markdown]
# <details><summary>What happened</summary>
#
# **Before** the correction (hollow) the temperature shows: one 3 in twenty is recognised at T = 1, one in three from
# T = 4 on. **After** it (filled) less: thirty points have become eight or nine. So even at T = 1, where the wrong classes
# get next to nothing, the student had learned most of what a 3 *looks like*; it only did not say so. Those points
# are more than luck, though, as the cell below shows; between T = 4 and 20 the seeds cannot tell any difference.
#
# **Hard labels** (×, +) never say "3". Do they know nothing about it? Not quite. Sort the test pictures by how far logit
# 3 stands above the highest other one. If a 3 and another digit are drawn at random, the 3 comes first with a
# probability that is known as **AUC**: 0.5 would be chance. The cell below prints it. Something is there, and with a
# bias of 14 or so some seeds find up to a quarter of the 3s; the others find none that does not cost more elsewhere.
# A reading: to a net that knows nine digits a 3 is *unlike* each of them, and that can be seen without knowing a 3.
#
# The 1 and the 8, on the right, lead: after the correction nine of ten are found. But five seeds cannot tell the two
# apart, nor either of them from the 0.
# </details>

# %%
hard, soft = (
    [r for r in recorded["omitted"] if r["arm"] == arm and r["digit"] == 3] for arm in ("hard labels", "distilled")
)
print(f"AUC of the 3s, hard labels: {min(hard[0]['auc']):.2f} to {max(hard[0]['auc']):.2f} over five seeds")
print(f"distilled, T = 1 to 20: {min(min(r['auc']) for r in soft):.2f} to {max(max(r['auc']) for r in soft):.2f}")
found = {row["temperature"]: row["corrected_found"] for row in soft}
for warm, cold in ((4, 1), (20, 4)):
    mean, half = t_interval([100 * (a - b) for a, b in zip(found[warm], found[cold], strict=True)])
    print(f"3s recognised after the correction, T = {warm} against T = {cold}: {mean:+.0f} ± {half:.0f} points")

# %% [markdown]
# Hinton's student was larger and had the whole of MNIST. It made 206 test errors, 133 of them on the 1010 threes.
# With a bias of 3.5, chosen on the test set, 109 were left, 14 on threes: 98.6 % of the digit it had never seen.
# (Honest once more: the *teacher* has seen 3s, five thousand of them. Nothing comes from nothing.)
#
# ## 3 · More than accuracy
#
# A student that says "97 %" should be right in 97 of 100 such cases. If it is, it is **calibrated**. Sort the answers
# into equally wide bins by their confidence; in each bin compare the mean confidence with the accuracy. The mean of
# these gaps, weighted by how many answers a bin holds, is the **expected calibration error**.
#
# ### ✎ Exercise 5.5 · How far confidence is off  (10 minutes, medium)


# %%
def expected_calibration_error(logits, labels, bins=15):
    """Mean gap of confidence and accuracy over equally wide bins of confidence, weighted by how many each holds."""
    ...


lesson.expected_calibration_error.check(expected_calibration_error)
# lesson.expected_calibration_error.hint()
# lesson.expected_calibration_error.solution()

# %% [markdown]
# > **Predict.** In the next panel: twenty labels; 10 000 labels; 10 000 labels smoothed (lesson 03, weight 0.1); soft
# > targets at T = 4 and those labels. One is far too sure of itself, one far too timid. And of the two others: does soft
# > talk make a student less sure than labels do?

# %%
plain = training.Recipe(temperature=4, alpha=0.1, steps=600)


def taught(arm, *targets, **settings):
    (row,) = (row for row in recorded["measures"] if row["arm"] == arm)
    student, run = start(inputs, labels, *targets, recipe=plain, learning_rate=row["learning_rate"], **settings)
    training.drain(run)
    return student


students = {
    "twenty labels": twenty["hard labels"],
    "10 000 labels": taught("hard labels"),
    "smoothed": taught("label smoothing", torch.zeros_like(teacher_logits), temperature=1, alpha=0.9),
    "distilled": taught("soft, T = 4", teacher_logits),
}
answers = {name: predict_logits(student, validation_inputs) for name, student in students.items()}
reliability_panel = widgets.ReliabilityPanel({**answers, "teacher": validation_teacher_logits}, validation_labels)
reliability_panel

# %% [markdown]
# Bars below the diagonal: too sure. Bars above it: too timid. The slider divides the logits by a temperature *after*
# training. That is **temperature scaling**: it moves the confidence and changes no answer.
#
# > **Goal.** Find for each student the temperature with the smallest *negative log-likelihood*: the cross-entropy on
# > the true labels, as a measure. Who needs more than 1, who less?

# %% tags=["nbval-ignore-output"]
from kdlab.metrics import expected_calibration_error

calibration = {name: expected_calibration_error(logits, validation_labels) for name, logits in answers.items()}
surplus = {
    name: float(logits.softmax(-1).amax(-1).mean()) - accuracy(logits, validation_labels)
    for name, logits in answers.items()
}
assert surplus["twenty labels"] > 0.05 and surplus["smoothed"] < -0.08
print("confidence minus accuracy: twenty labels above +5 points, smoothed below -8 points: ok")
assert 0 < surplus["10 000 labels"] < 0.03 and 0 < surplus["distilled"] < 0.03
print("labels and soft targets alike: a little too sure, by less than 3 points: ok")
best = reliability_panel.best_temperatures
assert min(best["twenty labels"], best["10 000 labels"], best["distilled"]) > 1.1 and best["smoothed"] < 0.8
print("temperature scaling cools down the sure ones with T > 1, and the timid one needs T < 1: ok")
print("calibration errors:", {name: f"{error:.1%}" for name, error in calibration.items()})

# %% [markdown]
# <details><summary>What happened</summary>
#
# The student with twenty labels is far too sure of itself. Smoothing asks for 91 % and no more, of a student that could
# be right in 96 of 100 cases: it is told to be timid. The two others are *both* a little too sure, and by about as
# much.
#
# Soft talk at T = 4 does not make for soft answers at T = 1: a student that matched its teacher would be just as sure
# as the teacher is, and ours is, with good reason, very sure. A temperature of about 1.5 after training mends either
# student; one number is cheap.
# </details>
#
# ### When one class is missing
#
# > **Predict.** The hard student of section 2 never says "3" and reads the other nine digits well. About a tenth of
# > the test pictures are 3s. What is its accuracy, and is its macro F1 (below) higher or lower?
#
# ### ✎ Exercise 5.6 · Every class counts alike  (10 minutes, medium)
#
# F1 of a class joins *missed* pictures (false negatives, FN) and *false alarms* (false positives, FP) in one number, TP
# being those that were found: $F_1 = \dfrac{2\,TP}{2\,TP + FP + FN}$. **Macro** F1 is its mean over the classes.


# %%
def macro_f1(logits, labels):
    """Mean over the classes of F1 = 2 TP / (2 TP + FP + FN), from 0 to 1."""
    ...


lesson.macro_f1.check(macro_f1)
# lesson.macro_f1.hint()
# lesson.macro_f1.solution()

# %% tags=["nbval-ignore-output"]
from kdlab.metrics import macro_f1

never = predict_logits(threes["hard labels"], test_inputs)
assert accuracy(never, test_labels) - macro_f1(never, test_labels) > 0.03
print(f"accuracy {accuracy(never, test_labels):.1%}, macro F1 {macro_f1(never, test_labels):.1%}")

# %% [markdown]
# Lower: one class has an F1 of 0, and each 3 that was called something else is a false alarm there. In MNIST all
# classes are about the same size. Where one makes up 1 % of the data, accuracy hardly notices that it is never found;
# macro F1 does.
#
# ### All at once
#
# > **Predict.** Six students with 10 000 labels, each at its own best learning rate: labels alone, smoothed labels, the
# > teacher's argmax, soft targets at T = 1, 4 and 20. Which has the best accuracy? Is the same one best at everything?

# %%
plots.measures(
    recorded,
    {
        "accuracy": "accuracy",
        "macro_f1": "macro F1",
        "nll": "negative log-likelihood",
        "ece": "calibration error",
        "second_choice": "same second choice",
        "rank_correlation": "order of wrong classes",
    },
)

# %%
by_arm = {row["arm"]: row for row in recorded["measures"]}


def difference(key, arm, other="hard labels"):
    """Arm minus other, seed by seed, in points: (mean, half-width of a 95 % interval)."""
    return t_interval([100 * (a - b) for a, b in zip(by_arm[arm][key], by_arm[other][key], strict=True)])


for arm in ("label smoothing", "teacher's argmax", "soft, T = 1", "soft, T = 4", "soft, T = 20"):
    parts = {name: difference(key, arm) for name, key in (("accuracy", "accuracy"), ("calibration error", "ece"))}
    words = [f"{name} {mean:+.1f} ± {half:.1f} points" for name, (mean, half) in parts.items()]
    print(f"{arm}, against hard labels: {', '.join(words)}")

# %% [markdown]
# *Recorded* on the test pictures; the teacher's arms give the labels a weight of 0.1, smoothing has a weight of 0.1. Rates
# were chosen for accuracy, for all six measures. Points are seeds: initial weights and batches differ, teacher and
# pictures do not; ± is half of a 95 % interval over them.
#
# <details><summary>What happened</summary>
#
# - **Accuracy** and macro F1 say the same here, the classes being about equally large. T = 4 saves a quarter of the
#   errors that hard labels make, T = 20 a little less (the seeds cannot tell the two apart). T = 1 is not told apart from
#   hard labels, nor is the argmax. Smoothing, which needs no teacher at all, has about half of the gain of T = 4. (With
#   this weight; lesson 07 has half of it, with which no gain is told.)
# - **Calibration**: T = 1 and 4 are a little *better* calibrated than hard labels, by half a point. Smoothing is worse by
#   ten: more accurate, and far too timid. Its negative log-likelihood pays for that.
# - **Second choice**, and the order of all the wrong classes (how well the student's ranking of them follows the
#   teacher's; 1 would be the same order): this is what was inherited, and it grows with the temperature up to T = 20,
#   while accuracy does not. Smoothing goes the other way: it erases such resemblances (Müller et al. 2019).
# </details>
#
# So "did distillation help?" has no answer until you say what you measure. Whether a teacher's *mistakes* are handed
# down too, and what happens when labels are wrong or students tiny, is told in lesson 07.
#
# ## 4 · What is handed down
#
# Now to the second choices themselves. This panel shows them for the teacher and for two students with the same
# 10 000 pictures, one of which heard the soft targets.
#
# > **Predict.** How often does each of the two students name the teacher's second choice? Guessing would give one in
# > nine.

# %%
digits = slice(5000)
said = {
    "teacher": predict_logits(teacher, test_inputs[digits]),
    "distilled": predict_logits(students["distilled"], test_inputs[digits]),
    "hard labels": predict_logits(students["10 000 labels"], test_inputs[digits]),
}
dark_panel = widgets.DarkKnowledgePanel(mnist.test_images[digits], mnist.test_labels[digits], said)
dark_panel

# %% [markdown]
# In each map, rows are the teacher's first choices and columns second choices. A cell is a share of its row, in per
# cent.
#
# > **Goal.** Pick a cell of the teacher's map that surprises you, and look at its digits until you see what the
# > teacher sees. Then compare: does the distilled student see it, and the hard one?

# %% tags=["nbval-ignore-output"]
heard, not_heard = (dark_panel.inheritance[name] for name in ("distilled", "hard labels"))
assert heard["same_second"] - not_heard["same_second"] > 0.12
print("the distilled student names the teacher's second choice more often, by more than 12 points: ok")
if dark_panel.temperature == 4:
    assert heard["divergence"] < 0.5 * not_heard["divergence"]
    print("what it says about all but the first choice is less than half as far from the teacher: ok")
for name in ("distilled", "hard labels"):
    one, right = dark_panel.inheritance[name], accuracy(said[name], test_labels[digits])
    print(f"{name}: right {right:.1%}, same second choice {one['same_second']:.0%}, distance {one['divergence']:.2f}")

# %% [markdown]
# <details><summary>What happened</summary>
#
# The hard student finds about four second choices of ten by itself: that a 4 is nearly a 9 can be seen in the
# pictures. The distilled one finds about two of three. Now compare all classes but the first: the distilled student's
# distance from the teacher is about a quarter of the hard one's. And of the first choices, which are what accuracy
# counts, it gets about one in a hundred more.
# </details>
#
# That a student took over second choices *and* reads better does not say that the one is why of the other: permuted or
# averaged second choices would tell. Lesson 07 takes soft targets apart like that.
#
# ## Quiz

# %%
lesson.quiz

# %% [markdown]
# ## Summary
#
# - A teacher labels a transfer set for nothing. Most of the gain with few labels is *that*; the control with the
#   teacher's argmax shows how much. The rest is softness.
# - Soft targets speak about classes that are not there: a student recognises a digit it was never shown, once the
#   bias of its logit is corrected. Choose the bias on validation data.
# - Look at more than accuracy: calibration, macro F1, second choices. The arm that is best at one need not be best at
#   another: smoothing makes the student more accurate and far too timid.
# - Compare arms at a learning rate that suits each of them.
#
# **Left out.** Whether such differences are more than luck, and how to choose rates, temperature and alpha: lesson 06.
# Why soft targets help, and when they do not: lesson 07. Transfer sets without any pictures, made by the teacher:
# lesson 12, for text.
#
# **References**
#
# - G. Hinton, O. Vinyals, J. Dean: *Distilling the Knowledge in a Neural Network*, 2015, arXiv 1503.02531. Section 3
#   has the omitted digit.
# - C. Guo, G. Pleiss, Y. Sun, K. Weinberger: *On Calibration of Modern Neural Networks*, ICML 2017. Reliability
#   diagrams, temperature scaling.
# - R. Müller, S. Kornblith, G. Hinton: *When Does Label Smoothing Help?*, NeurIPS 2019.
#
# **Next:** [06 · Fair comparisons](06_fair_comparisons.ipynb): how to tell a gain from luck.
