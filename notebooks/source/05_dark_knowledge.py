# %% [markdown]
# # 05 · Dark knowledge
#
# *A student that reads a digit it was never shown, one that learns from twenty labels, and one that learns nothing.*
#
# | | |
# |---|---|
# | **Time** | 105 minutes alone (exercise 5.2 is optional), with a break before section 3; 70 in class (skip exercises 5.2, 5.5 and 5.7) |
# | **Builds on** | [04 · A student that learns while you watch](04_mlp_distillation.ipynb) and what it builds on |
#
# **After this lesson you can**
#
# - train a student on pictures that nobody has labelled, and say how much of its success is *softness*,
# - bring to light what a student has learned about a digit that it was never shown,
# - tell whether a teacher protects from wrong labels, or hands them on,
# - measure more than accuracy: calibration, macro F1, copied mistakes, second choices,
# - name three situations in which distillation does nothing or harm, and spot them early.

# %%
import functools
from dataclasses import replace

import torch
from torch.nn import functional as F

import kdlab
from kdlab import data, models, plots, teachers, training, widgets
from kdlab.exercises import dark_knowledge as lesson
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
quick = training.Recipe(temperature=4, alpha=0, steps=300, learning_rate=2e-2)


def start(inputs, labels, teacher_logits=None, *, recipe, width=128, measure=None, **settings):
    """A new student 784-width-10, and its training run."""
    recipe = replace(recipe, **settings)
    student = models.MLP(784, width, 10, seed=recipe.seed)
    return student, training.train(student, inputs, labels, teacher_logits, recipe=recipe, evaluate=measure or look)


def look(student):
    return {"accuracy": accuracy(predict_logits(student, validation_inputs[:2000]), validation_labels[:2000])}


def four_students(labelled, transfer, seed):
    few = balanced_draw(labels, labelled // 10, torch.Generator().manual_seed(seed))
    x, v, how = inputs[:transfer], teacher_logits[:transfer], {"recipe": quick, "seed": seed}
    return {
        "hard labels": start(inputs[few], labels[few], **how),
        "distilled, same pictures": start(inputs[few], labels[few], teacher_logits[few], **how),
        "teacher's argmax": start(x, v.argmax(-1), **how),
        "distilled": start(x, v.argmax(-1), v, **how),  # alpha is 0: these labels only fill a place
    }


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
labels_panel.run()
twenty = dict(labels_panel.students)  # the first run's, kept for later, whatever you do in the panel
labels_panel

# %%
right = {name: accuracy(predict_logits(s, validation_inputs), validation_labels) for name, s in twenty.items()}
assert right["distilled"] - right["hard labels"] > 0.10
print("no label and a teacher: more than 10 points better than twenty labels: ok")

# %% [markdown]
# A student that has not been given one label leaves the one with twenty labels far behind. Is that dark knowledge?
# Look at the control (squares) before you answer. Then play: move a slider, press **Start**, and the outcomes gather
# on the right.
#
# > **Goal 1.** Set the transfer set to 1000. How many labelled pictures do hard labels need before they catch up with
# > the student that learns from 1000 soft targets?
#
# > **Goal 2.** Find a size of the transfer set at which the control clearly falls behind. Is that a large or a small
# > one?
#
# Here is the whole picture, *recorded* over several seeds.

# %%
rows = recorded["sections"]["few_labels"]["rows"]


def mean_error(arm, **where):
    found = [row["test_errors"] for row in rows if row["arm"] == arm and where.items() <= row.items()]
    return sum(found) / len(found)


hard = mean_error("hard labels", labels=20)
argmax, soft = (mean_error(arm, transfer=10_000) for arm in ("teacher's argmax", "distilled"))
print(f"the control gets {(hard - argmax) / (hard - soft):.1%} of the way from 20 labels to the distilled student")
plots.few_labels(recorded)

# %% [markdown]
# Read it from left to right: all four lines fall together. **What counts most is how many pictures the student
# sees.** The teacher's first gift is that it can label as many as you like, and for that gift its bare decision does
# nearly as well.
#
# Then compare the solid line with the squares, at the same number of pictures. That distance is the *softness*. With
# 1000 pictures it saves a quarter of the errors; with 10 000, less than a tenth. And on the *labelled* pictures
# (triangles against hard labels)? With 500 labels the soft targets save an eighth of the errors, and win in each of
# the five seeds. With 20 or 100 they win in most seeds, but which pictures were drawn matters more.
#
# Three honest remarks.
#
# - The teacher was trained on 50 000 labels, these pictures among them. It brings knowledge along that the student
#   with twenty labels never had.
# - A teacher that knows the pictures by heart might look better than it is. The stars are students that learned from
#   pictures which the teacher had *never* seen: on average they lose half a point or less, about what softness wins
#   at that size. The soft one stays ahead.
# - At 100 pictures the control is worse than true labels. That may be a matter of pictures: its hundred are the first
#   in the file, and not ten of each.
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


def two_students(digit, temperature, seed):
    keep = labels != digit
    shown = validation_labels[:2000] == digit

    def measure(student):
        logits = predict_logits(student, validation_inputs[:2000])
        found = accuracy(logits[shown], validation_labels[:2000][shown])
        return {"found": found, "accuracy": accuracy(logits, validation_labels[:2000])}

    x, y, v = inputs[keep], labels[keep], teacher_logits[keep]
    assert not (y == digit).any()
    how = {"recipe": slow, "measure": measure, "seed": seed}
    return {"hard labels": start(x, y, **how), "distilled": start(x, y, v, temperature=temperature, **how)}


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
digit_panel.run()
threes = dict(digit_panel.students)  # the first run's, kept for later
digit_panel

# %% [markdown]
# The distilled student calls many 3s by their name. It has read about them between the lines: in the soft targets of
# the 8s, the 5s and the 2s.
#
# > **Goal 1.** Run all five temperatures. Which way do the blue points go? Keep an explanation ready: it will be put to
# > the test below.
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
# is a case by itself: labelled 5, and the teacher takes it *for* a 3. Thousands of others are told how *little* of a
# 3 they are, and that is a number too. From all of these together the student learns what a 3 would be.
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
# **Before** the correction (hollow) the temperature shows: from under a tenth of the threes at T = 1 to well over a
# third at T = 20. **After** it (filled) far less: thirty points have become six. So even at T = 1, where the wrong
# classes get next to nothing, the student had learned most of what a 3 *looks like*; it only did not say so. The six
# points are real, though: at T = 20 fewer 3s are missed in each of the five seeds, and fewer errors are left in all.
# Most of that step lies between T = 1 and T = 2.
#
# Hard labels stay at zero and no bias helps (+): at best 2 % of the 3s come back. A logit that was pushed down on
# *every* picture has nothing to say that could be raised. The 1, on the right, fares best: seldom named before the
# correction, and after it nine of ten are found.
#
# Hinton's student was larger and had the whole of MNIST. It made 206 test errors, 133 of them on the 1010 threes.
# With a bias of 3.5, chosen on the test set, 109 were left, 14 on threes: 98.6 % of the digit it had never seen.
# (Honest once more: the *teacher* has seen 3s, five thousand of them. Nothing comes from nothing.)
#
# ## 3 · Wrong labels
#
# Real labels are wrong here and there. Does a teacher help? It depends on the teacher.
#
# ### ✎ Exercise 5.5 · Wrong on purpose  (10 minutes, medium)
#
# Spoil some labels. *Exactly* this share shall be wrong, and each of the nine other classes equally likely.


# %%
def flip_labels(labels, share, generator, classes=10):
    """A copy of labels in which exactly this share is wrong, each one uniformly one of the other classes."""
    ...


lesson.flip_labels.check(flip_labels)
# lesson.flip_labels.hint()
# lesson.flip_labels.solution()

# %% [markdown]
# Four students get 10 000 pictures with such labels. One follows them. One smooths them (lesson 03: a teacher who
# shrugs, with a weight of 0.2). One hears a **clean teacher**, ours, and besides it the labels, with a weight of 0.3
# (in the panel: "distilled"). And one hears a **noisy teacher**: a larger net that was trained on the *same wrong
# labels*, and has nothing over its student but its size.
#
# > **Predict.** 40 % of the labels are wrong. How many digits will a student misread that follows them: about 4 %,
# > 10 %, or 40 %? And who will be better than it: smoothing? the noisy teacher? the clean one?

# %%
from kdlab.labels import flip_labels

patient = replace(quick, steps=600, learning_rate=5e-3)


@functools.cache
def noisy_teacher(share, seed):
    noisy = flip_labels(labels, share, torch.Generator().manual_seed(seed))
    net = models.MLP(784, 300, 300, 10, seed=50 + seed)
    training.fit(net, inputs, noisy, recipe=replace(patient, seed=50 + seed))
    return predict_logits(net, inputs)


def noisy_students(share, seed):
    noisy = flip_labels(labels, share, torch.Generator().manual_seed(seed))
    how, shrug = {"recipe": patient, "seed": seed}, torch.zeros(len(labels), 10)
    return {
        "hard labels": start(inputs, noisy, **how),
        "noisy teacher": start(inputs, noisy, noisy_teacher(share, seed), **how),
        "label smoothing": start(inputs, noisy, shrug, temperature=1, alpha=0.8, **how),
        "distilled": start(inputs, noisy, teacher_logits, alpha=0.3, **how),
    }


# %%
shares = [0.0, 0.2, 0.4, 0.6, 0.8]
noise_panel = widgets.ExperimentPanel(
    noisy_students,
    controls=[
        widgets.Control("share", "wrong labels", shares, 0.4, names=[f"{100 * share:.0f} %" for share in shares]),
    ],
    measures={"accuracy": ("Accuracy on 2000 validation images", (0.5, 1.0))},
    against="share",
    references={"the clean teacher": {"accuracy": accuracy(validation_teacher_logits, validation_labels)}},
    steps=patient.steps,
)
noise_panel.run()
noisy = dict(noise_panel.students)  # the first run's, kept for section 4
noise_panel

# %% [markdown]
# The first surprise is hard labels. 40 % of them are lies, and yet that student reads nine digits of ten: the lies
# contradict each other, the truth does not.
#
# > **Goal.** Make the labels so bad that hard labels fall below 80 %. What does the clean teacher's student do
# > meanwhile?
#
# > **Predict.** Over five seeds: does smoothing help? And the noisy teacher? Say it before you run the next cell.

# %%
right = {name: accuracy(predict_logits(s, validation_inputs), validation_labels) for name, s in noisy.items()}
assert right["distilled"] - right["hard labels"] > 0.025
print("40 % wrong labels: with the clean teacher, at least 2.5 points better than without: ok")
plots.noise(recorded)

# %% [markdown]
# - **The clean teacher's** line is flat, although its student is told lies with a weight of 0.3. Without any label it
#   is no better (dotted). It is even a little worse: perhaps lies that are spread evenly work like smoothing. And a
#   student with right labels does about as well (dashed, at 0 %). So what the teacher brings here is the *truth*
#   about these pictures, rather than softness.
# - **Label smoothing** saves almost a fifth of the errors where all labels are *right*. The more of them are wrong, the
#   less it helps; from 40 % on, the seeds cannot tell it from hard labels. And look at the right-hand plot: section 4.
# - **The noisy teacher** learned from the same lies, and hands most of them on. With right labels it costs a few
#   errors; at 40 % it saves one in twenty, in four seeds of five; at 60 % it loses on average. Its student is a
#   little less timid, though (right).
#
# So before you distil to get rid of noise, ask what the teacher knows that the labels do not.
#
# ## 4 · More than accuracy
#
# A student that says "97 %" should be right in 97 of 100 such cases. If it is, it is **calibrated**. Sort the answers
# into equally wide bins by their confidence; in each bin compare the mean confidence with the accuracy. The mean of
# these gaps, weighted by how many answers a bin holds, is the **expected calibration error**.
#
# ### ✎ Exercise 5.6 · How far confidence is off  (10 minutes, medium)


# %%
def expected_calibration_error(logits, labels, bins=15):
    """Mean gap of confidence and accuracy over equally wide bins of confidence, weighted by how many each holds."""
    ...


lesson.expected_calibration_error.check(expected_calibration_error)
# lesson.expected_calibration_error.hint()
# lesson.expected_calibration_error.solution()

# %% [markdown]
# > **Predict.** Four of the students in the next panel: twenty labels; 40 % wrong labels; 10 000 labels; soft targets
# > at T = 4. One is far too sure of itself, one far too timid. And of the last two, which one is better calibrated?

# %%
alone, run = start(inputs, labels, recipe=quick)
list(run)
students = {
    "twenty labels": twenty["hard labels"],
    "wrong labels": noisy["hard labels"],
    "wrong labels, smoothed": noisy["label smoothing"],
    "10 000 labels": alone,
    "distilled": twenty["distilled"],
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
assert surplus["twenty labels"] > 0.1 and surplus["wrong labels"] < -0.3
print("confidence minus accuracy: twenty labels above +10 points, wrong labels below -30 points: ok")
assert calibration["wrong labels, smoothed"] - calibration["wrong labels"] > 0.05
print("smoothing makes the timid one more timid: ok")
assert surplus["distilled"] > 0.005 and calibration["distilled"] - calibration["10 000 labels"] > 0.003
print("the distilled student is a little too sure, and worse calibrated than the one with 10 000 labels: ok")
best = reliability_panel.best_temperatures
assert min(best["twenty labels"], best["distilled"]) > 1.05 and best["wrong labels"] < 0.95
print("temperature scaling cools down the sure ones with T > 1, and the timid one needs T < 1: ok")
print("best temperatures:", {name: round(best[name], 1) for name in students})

# %% [markdown]
# The student with twenty labels has seen too little to doubt. The one with wrong labels was lied to in 40 % of the
# cases, and learned to leave room for it: on clean pictures that is too much. Label smoothing tells it to be less sure
# still.
#
# Had you guessed the last one? The student took over how *sure* its teacher is, and a sure teacher of this kind is
# right in 99 of 100 cases. The student is not: it inherited the confidence without all of the skill. Nor did its loss
# look at T = 1, where it answers now; it was trained at T = 4. A temperature of about 1.7 after training mends it, and
# one number is cheap. (For twenty labels the slider's end, 10, is not even enough.)
#
# ### When one class is missing
#
# > **Predict.** The hard student of section 2 never says "3" and reads the other nine digits well. About a tenth of
# > the test pictures are 3s. What is its accuracy, and is its macro F1 (below) higher or lower?
#
# ### ✎ Exercise 5.7 · Every class counts alike  (10 minutes, medium)
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
# ### Does a student copy mistakes?
#
# > **Predict.** A student that has never heard of the teacher: does it repeat some of the teacher's mistakes, with the
# > same wrong digit? And does one that heard the soft targets repeat more?
#
# ### ✎ Exercise 5.8 · Do mistakes travel?  (5 minutes, easy)


# %%
def copied_mistakes(student_logits, teacher_logits, labels):
    """Of the pictures that the teacher gets wrong: the share on which the student gives the same wrong answer."""
    ...


lesson.copied_mistakes.check(copied_mistakes)
# lesson.copied_mistakes.hint()
# lesson.copied_mistakes.solution()

# %%
plots.measures(
    recorded,
    {
        "accuracy": "accuracy",
        "nll": "negative log-likelihood",
        "ece": "calibration error",
        "agreement": "agreement with teacher",
        "copied_mistakes": "copied mistakes",
        "second_choice": "same second choice",
        "rank_correlation": "order of wrong classes",
    },
)

# %% [markdown]
# *Recorded* on 10 000 validation pictures: students with 10 000 labels, the teacher's arms with α = 0.1. Smoothing
# has a weight of 0.1 here (0.2 in section 3). Take your time; this figure holds more than the accuracy in its first
# corner.
#
# - **Accuracy**: with 10 000 labels this small student gains next to nothing from T = 4, and loses at T = 20. T = 1
#   helps a little. Label smoothing, which needs no teacher at all, helps most! In lesson 04 soft targets saved a
#   third of the errors. That student was larger and trained longer. And mind that all arms here share *one* learning
#   rate, which may suit one of them better than another: lesson 06 holds a rematch, and its result differs.
# - **Negative log-likelihood and calibration**: T = 1 is as good as hard labels or better; higher temperatures are
#   worse. Smoothing, the most accurate, is the worst calibrated: too timid.
# - **Agreement** goes with accuracy here: both speak about first choices, and the teacher's are nearly all right.
# - **Copied mistakes**: hard labels repeat almost half of the teacher's mistakes without having heard of them. Such
#   digits fool anybody. Soft targets at T = 4 or 20 add a few more, in every seed; but the teacher makes fewer than a
#   hundred mistakes, and the spread is wide.
# - **Second choice**, and the order of all the wrong classes (how well the student's ranking of them follows the
#   teacher's; 1 would be the same order): *here* is what was inherited. It grows with the temperature, while accuracy
#   does not. Smoothing goes the other way: it erases such resemblances.
#
# So "did distillation help?" has no answer until you say what you measure.
#
# ## 5 · When distillation does nothing
#
# Now the experiments that nobody puts on a poster. Give *everybody* all the labels: the 50 000 that the teacher had.
# And make the student so small that it cannot hold what it is told.
#
# One more arm: a **poor teacher**, a net that has learned from 500 labels.
#
# > **Predict.** Eight hidden units, all the labels, T = 20. Will the good teacher help by much, by little, or do harm?

# %%
all_inputs = models.to_inputs(mnist.train_images[:50_000])
all_labels = torch.from_numpy(mnist.train_labels[:50_000])
all_logits = torch.cat([teacher_logits, predict_logits(teacher, all_inputs[10_000:])])

poor_teacher, run = start(inputs[:500], labels[:500], recipe=quick)
list(run)
poor_logits = predict_logits(poor_teacher, all_inputs)
tiny = training.Recipe(alpha=0.1, steps=1200, learning_rate=5e-3)


def tiny_students(width, temperature, seed):
    how = {"recipe": tiny, "width": width, "temperature": temperature, "seed": seed}
    return {
        "hard labels": start(all_inputs, all_labels, **how),
        "poor teacher": start(all_inputs, all_labels, poor_logits, **how),
        "distilled": start(all_inputs, all_labels, all_logits, **how),
    }


# %%
tiny_panel = widgets.ExperimentPanel(
    tiny_students,
    controls=[
        widgets.Control("width", "hidden units", [8, 16, 32, 128], 8),
        widgets.Control("temperature", "temperature", [1, 2, 4, 8, 20], 20),
    ],
    measures={"accuracy": ("Accuracy on 2000 validation images", (0.8, 1.0))},
    against="temperature",
    steps=tiny.steps,
)
tiny_panel.run()
eight = dict(tiny_panel.students)  # the first run's
tiny_panel

# %% [markdown]
# It does harm. Eight units cannot carry what T = 20 asks of them: to match *all* ten logits of a net with two million
# weights. Our reading: the student spends its units on ratios among improbable classes, and the first choice suffers.
#
# > **Goal 1.** Find a temperature at which eight units do *not* lose by listening. Hinton and his colleagues found
# > 2.5 to 4 best for their nets of 30 units a layer.
#
# > **Goal 2.** Widen the student to 128. Does that help the one with the poor teacher? What does it converge to?

# %%
small = {name: errors(predict_logits(s, validation_inputs), validation_labels) for name, s in eight.items()}
assert small["distilled"] > small["hard labels"]
print("eight units, T = 20: more errors with the teacher than without: ok")
plots.nothing_gained(recorded)

# %% [markdown]
# **Left.** With 50 000 labels, and one learning rate for everybody, T = 1 cannot be told from hard labels at any of
# these widths. At T = 2 eight units are a little better, in four seeds of five; 16 and 32 units lose in all five.
# From T = 8 on everybody loses in every seed. This fits Hinton's remark that small nets want low temperatures.
#
# **Right.** A student of 128 units with 10 000 labels. At this learning rate the good teacher makes hardly a
# difference. The poor teacher, left alone (α = 0), makes its student as poor as itself (dotted): the student can do
# much better, and is not asked to. Half the weight on true labels repairs only part of that.
#
# How to spot it early? **Print the teacher's accuracy** first, beside that of a student with hard labels: a teacher
# that is worse has little to give. **Run the hard student** in every comparison, or you will not notice that nothing
# was gained. **Try T = 1 and other learning rates** before you say that a small student cannot carry more.
#
# ## 6 · What is handed down
#
# Now to the second choices themselves. This panel shows them for the teacher and for two students with the same
# 10 000 pictures, one of which heard the soft targets.
#
# > **Predict.** Both students are right about equally often. How often does each name the teacher's second choice?
# > Guessing would give one in nine.

# %%
digits = slice(5000)
said = {
    "teacher": predict_logits(teacher, test_inputs[digits]),
    "distilled": predict_logits(twenty["distilled"], test_inputs[digits]),
    "hard labels": predict_logits(alone, test_inputs[digits]),  # the one with all 10 000
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
assert heard["same_second"] - not_heard["same_second"] > 0.08
print("the distilled student names the teacher's second choice more often, by more than 8 points: ok")
if dark_panel.temperature == 4:
    assert heard["divergence"] < 0.7 * not_heard["divergence"]
    print("what it says about all but the first choice is closer to the teacher, by more than 30 %: ok")
for name in ("distilled", "hard labels"):
    one, right = dark_panel.inheritance[name], accuracy(said[name], test_labels[digits])
    print(f"{name}: right {right:.1%}, same second choice {one['same_second']:.0%}, distance {one['divergence']:.2f}")

# %% [markdown]
# The hard student finds about four second choices of ten by itself: that a 4 is nearly a 9 can be seen in the
# pictures. The distilled one finds about six. Now compare all classes but the first: the distilled student's distance
# from the teacher is about half the hard one's. (Section 4 counted second choices a little
# differently, and on other pictures: its shares are smaller.)
#
# And yet both read about the same share of digits, give or take a point. Dark knowledge need not show in the accuracy.
# It shows where accuracy does not look: in the second choice, in a digit that was left out, and where pictures are
# few.
#
# ## Quiz

# %%
lesson.quiz

# %% [markdown]
# ## Summary
#
# - A teacher labels a transfer set for nothing. Most of the gain with few labels is *that*; the control with the
#   teacher's argmax shows how much. Softness saved the largest share of the errors with 1000 pictures, of the sizes
#   that were tried.
# - Soft targets speak about classes that are not there: a student recognises a digit it was never shown, once the
#   bias of its logit is corrected. Choose the bias on validation data.
# - A teacher protects from wrong labels as far as it knows better than they do.
# - Look at more than accuracy. A student can inherit its teacher's confidence without its skill, and its second choices
#   without a gain in accuracy.
# - All the labels, a tiny student at a high temperature, a poor teacher: each of them can turn the gain into
#   nothing, or less. So can a learning rate that suits hard labels only: lesson 06.
#
# **Left out.** Whether these differences are more than luck, and how to choose temperature and alpha: lesson 06.
# Transfer sets without any pictures at all, made by the teacher: lesson 12, for text.
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
