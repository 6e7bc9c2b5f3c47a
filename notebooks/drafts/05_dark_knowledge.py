# %% [markdown]
# # 05 · Dark knowledge
#
# *A student that reads a digit it was never shown, one that learns from twenty labels, and one that learns nothing.*
#
# | | |
# |---|---|
# | **Time** | 80 minutes alone, 55 in class (skip 5.2, 5.5 and 5.7) |
# | **Builds on** | [04 · A student that learns while you watch](04_mlp_distillation.ipynb) and what it builds on |
#
# **After this lesson you can**
#
# - train a student on pictures that nobody has labelled, and say how much of its success is *softness*,
# - find the digit that a student has learned about without being shown it,
# - tell whether a teacher protects from wrong labels, or hands them on,
# - measure more than accuracy: calibration, macro F1, copied mistakes,
# - name three situations in which distillation does nothing, and spot them early.

# %%
import functools
from dataclasses import replace

import torch

import kdlab
from kdlab import data, models, plots, teachers, training, widgets
from kdlab.exercises import dark_knowledge as lesson
from kdlab.losses import soft_targets
from kdlab.metrics import accuracy, errors
from kdlab.teachers import predict_logits

kdlab.setup()
mnist = data.load_mnist()
teacher = teachers.load_mnist_teacher()
recorded = data.load_results("dark_knowledge")

# %% [markdown]
# ## 1 · Twenty labels
#
# Labels are dear: somebody has to sit down and write them. Pictures are cheap. So imagine 10 000 digits, of which
# **twenty** have a label, two of each kind. And imagine that somebody lends you a teacher.

# %%
inputs = models.to_inputs(mnist.train_images[:10_000])
labels = torch.from_numpy(mnist.train_labels[:10_000])
teacher_logits = predict_logits(teacher, inputs)

validation_inputs = models.to_inputs(mnist.train_images[50_000:55_000])
validation_labels = torch.from_numpy(mnist.train_labels[50_000:55_000])
validation_teacher_logits = predict_logits(teacher, validation_inputs)

# %% [markdown]
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
plots.digits(mnist.train_images[few][::2], labels[few].tolist()[::2])

# %% [markdown]
# Half of all the labels there are. What can the teacher do with the other 9 980 pictures? It can look at them. Its
# answer needs no label: with $\alpha = 0$ the loss of lesson 03 is $T^2\,\mathrm{KL}(p_T \| q_T)$, and no $y$ is left
# in it. Such pictures, which have an answer of the teacher in place of a label, are called the **transfer set**.
#
# What if some of them *do* have a label? Then each term looks at its own pictures. Mark "no label" by −1.
#
# ### ✎ Exercise 5.2 · A loss for pictures without labels  (10 minutes, medium)
#
# The label's term is the mean over the pictures that have one, and 0 in a batch where none has. The teacher speaks
# about all of them.


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


# %% [markdown]
# > **Predict.** Twenty labels, and a transfer set of 10 000. Write down an accuracy for each of the four. Which two
# > will be close to each other?

# %%
labels_panel = widgets.ExperimentPanel(
    four_students,
    controls=[
        widgets.Control("labelled", "labelled pictures", [20, 50, 100, 200, 500, 1000, 2000, 5000], 20),
        widgets.Control("transfer", "transfer set, no labels", [20, 100, 500, 1000, 2000, 5000, 10_000], 10_000),
    ],
    measures={"accuracy": ("Accuracy on 2000 validation images", (0.4, 1.0))},
    against="labelled",
    references={"teacher": {"accuracy": accuracy(validation_teacher_logits[:2000], validation_labels[:2000])}},
    steps=quick.steps,
)
labels_panel.run()

# %%
twenty = dict(labels_panel.students)  # kept for section 4, whatever you do in the panel
wrong = {name: errors(predict_logits(s, validation_inputs), validation_labels) for name, s in twenty.items()}
assert wrong["hard labels"] > 5 * wrong["distilled"]
print("twenty labels make at least five times as many errors as no label and a teacher: ok")

# %% [markdown]
# A student that has not been given one label leaves the one with twenty labels far behind. Is that dark knowledge?
# Look at the orange control before you answer. Then play: move a slider, press **Start**, and the outcomes gather on
# the right.
#
# > **Goal 1.** Set the transfer set to 1000. How many labelled pictures do hard labels need before they catch up with
# > the student that learns from 1000 soft targets?
#
# > **Goal 2.** Find a size of the transfer set at which the control clearly falls behind. Is that a large or a small
# > one?
#
# Here is the whole picture, *recorded* over several seeds.

# %%
plots.few_labels(recorded)

# %% [markdown]
# Read it from left to right: all four lines fall together. **What counts most is how many pictures the student
# sees.** The teacher's first gift is that it can label as many as you like, and for that gift its bare decision does
# nearly as well. Then compare lines of one size: the soft targets lie below the hard ones, most clearly near 1000
# pictures. That distance is the softness.
#
# Two honest remarks. The teacher was trained on 50 000 labels, these pictures among them: it brings knowledge along
# that the student with twenty labels never had. And a teacher that knows the pictures by heart might look better than
# it is. The stars answer the second: they are students that learned from pictures which the teacher had *never* seen.

# %%
rows = recorded["sections"]["few_labels"]["rows"]


def mean_error(arm, **where):
    found = [row["validation_errors"] for row in rows if row["arm"] == arm and where.items() <= row.items()]
    return sum(found) / len(found)


hard, argmax, soft = (
    mean_error(arm, **size)
    for arm, size in (("hard labels", {"labels": 20}), ("teacher's argmax", {"transfer": 10_000}),
                      ("distilled", {"transfer": 10_000}))
)  # fmt: skip
print(f"of the way from 20 labels to the distilled student, labels alone make {(hard - argmax) / (hard - soft):.1%}")

# %% [markdown]
# ## 2 · The digit that was never shown
#
# The next experiment is the best known of Hinton's paper. Take *all* pictures of the 3 out of the transfer set. The
# student never sees a 3, and nobody ever names it one.
#
# ### ✎ Exercise 5.3 · A digit goes missing  (5 minutes, easy)


# %%
def omit_digit(digit, inputs, labels, teacher_logits):
    """Everything but this digit: (inputs, labels, teacher_logits), in the order they had."""
    ...


lesson.omit_digit.check(omit_digit)
# lesson.omit_digit.hint()
# lesson.omit_digit.solution()

# %% [markdown]
# > **Predict.** Afterwards we show both students 3s. How many will hard labels recognise? And the distilled student, at
# > T = 1, and at T = 20?

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
    how = {"recipe": slow, "measure": measure, "seed": seed}
    return {"hard labels": start(x, y, **how), "distilled": start(x, y, v, temperature=temperature, **how)}


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

# %% [markdown]
# The distilled student calls 3s by their name, a third of them or so. It has read about them: between the lines of
# the 8s, the 5s and the 2s.
#
# > **Goal 1.** Run all five temperatures. Which way do the blue points go?
#
# > **Goal 2.** Omit a digit that you expect to be harder to learn about from hearsay. Were you right?
#
# Where does it stand written? These are pictures *in* the transfer set, none of them a 3. Of all of them the teacher
# finds these the most like a 3:

# %%
others = (labels != 3).nonzero().squeeze(1)
hint_of_3 = soft_targets(teacher_logits[others], 4.0)[:, 3]
likest = others[hint_of_3.topk(9).indices]
plots.digits(mnist.train_images[likest], [f"label {labels[i]}" for i in likest])

# %% [markdown]
# A bent 5, an 8 that is open on the left: each is told "and a good deal of 3". And thousands of 1s and 6s are told
# "nothing of a 3 here", with a number that says how little. From all of these together the student learns what a 3
# would be.
#
# ### It knows, and does not say
#
# Look at a 3 with the student's eyes. In its whole life the answer was never "3"; something else was always likelier.
# So it has learned about the 3 two things, *what it looks like* and *that it does not happen*. The second is wrong
# from now on, and it sits mostly in a single number: the **bias** of logit 3. Raise it, and see what the student
# knew.
#
# > **Goal.** Find the bias with the fewest errors *in all*. Note what each further step costs the other digits. When
# > you have decided, open the test set.

# %%
digit, reader = digit_panel.settings["digit"], digit_panel.students["distilled"]
test_inputs, test_labels = models.to_inputs(mnist.test_images), torch.from_numpy(mnist.test_labels)
logits, test_logits = predict_logits(reader, validation_inputs), predict_logits(reader, test_inputs)

bias_panel = widgets.BiasPanel(logits, validation_labels, digit, test=(test_logits, test_labels))
bias_panel

# %% [markdown]
# The panel shows the latest distilled student of the panel above. Omit another digit there, and run this cell again.
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
# Chosen on validation pictures, judged on test pictures: the panel knows its own best bias, so an unfinished exercise
# stops nobody.

# %%
shown = test_labels == digit
corrected = test_logits.clone()
corrected[:, digit] += bias_panel.best_bias

found = {"before": accuracy(test_logits[shown], test_labels[shown])}
found["after"] = accuracy(corrected[shown], test_labels[shown])
assert found["after"] > found["before"] + 0.2 and errors(corrected, test_labels) < errors(test_logits, test_labels)
if digit == 3:
    assert found["after"] > 0.7
print("most of the digits that it was never shown are recognised, and there are fewer errors in all: ok")

# %% [markdown]
# Over several seeds, with every digit (*recorded*; biases chosen on validation pictures, counted on the test set):

# %%
plots.omitted(recorded)

# %% [markdown]
# Hard labels stay at zero, and no bias helps: a logit that was pushed down on *every* picture knows nothing that
# could be raised. The distilled student learned about the 3 in proportion to what it heard: at T = 1 the small
# probabilities are too small to push, and the higher the temperature, the louder they are. After the correction the
# differences are much smaller: T = 1 had taught the *looks* nearly as well, and hidden it deeper.
#
# Hinton's student, with 1200 units in place of our 128 and the whole of MNIST, made 206 test errors, 133 of them on
# the 1010 threes. With a bias of 3.5, chosen on the test set, 109 were left, 14 on threes: 98.6 % of the digit it had
# never seen. (Honest once more: the *teacher* has seen 3s, five thousand of them. Nothing comes from nothing; it
# comes through a keyhole.)
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
# shrugs, with a weight of 0.2). One hears a **clean teacher**, ours, and no label. And one hears a **noisy teacher**:
# a larger net that was trained on the *same wrong labels*, and has nothing over its student but its size.

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
        "label smoothing": start(inputs, noisy, shrug, temperature=1, alpha=0.8, **how),
        "noisy teacher": start(inputs, noisy, noisy_teacher(share, seed), **how),
        "distilled": start(inputs, noisy, teacher_logits, **how),
    }


# %% [markdown]
# > **Predict.** 40 % of the labels are wrong. How many digits will a student misread that follows them: about 4 %, 10
# > %, or 40 %? And who will be better than it: smoothing? the noisy teacher? the clean one?

# %%
noise_panel = widgets.ExperimentPanel(
    noisy_students,
    controls=[widgets.Control("share", "share of wrong labels", [0.0, 0.2, 0.4, 0.6, 0.8], 0.4)],
    measures={"accuracy": ("Accuracy on 2000 validation images", (0.5, 1.0))},
    against="share",
    references={"the clean teacher": {"accuracy": accuracy(validation_teacher_logits, validation_labels)}},
    steps=patient.steps,
)
noise_panel.run()

# %% [markdown]
# The first surprise is the red line. 40 % of its labels are lies, and yet it reads most digits: the lies contradict
# each other, the truth does not. (Train longer, or with a higher learning rate, and it begins to learn the lies by
# heart.)
#
# > **Goal.** Make the labels so bad that hard labels fall below 80 %. What does the clean teacher's student do
# > meanwhile?

# %%
plots.noise(recorded)

# %%
noisy = dict(noise_panel.students)
wrong = {name: errors(predict_logits(s, validation_inputs), validation_labels) for name, s in noisy.items()}
assert wrong["distilled"] < wrong["hard labels"]
print("the student of the clean teacher makes fewer errors than the one that follows the labels: ok")

# %% [markdown]
# - **The clean teacher's** line is flat. No wonder: its student never looked at a wrong label. This is *information*
#   again, not softness: whoever has such a teacher does not need these labels.
# - **Label smoothing** hardly moves the errors, and look at the right-hand plot: see section 4.
# - **The noisy teacher** NOISY_TEXT
#
# So before you distil to get rid of noise, ask what the teacher knows that the labels do not.
#
# ## 4 · More than accuracy
#
# A student that says "97 %" should be right in 97 of 100 such cases. If it is, it is **calibrated**. Sort the answers
# into bins by their confidence; in each bin compare the mean confidence with the accuracy. The mean of these gaps,
# weighted by how many answers a bin holds, is the **expected calibration error**.
#
# ### ✎ Exercise 5.6 · How far confidence is off  (10 minutes, medium)


# %%
def expected_calibration_error(logits, labels, bins=15):
    """Mean gap between confidence and accuracy over equal bins of confidence, weighted by how many pictures each holds."""
    ...


lesson.expected_calibration_error.check(expected_calibration_error)
# lesson.expected_calibration_error.hint()
# lesson.expected_calibration_error.solution()

# %% [markdown]
# > **Predict.** Three students of this lesson: twenty labels; 40 % wrong labels; soft targets. One is too sure of
# > itself, one too timid, one about right. Which is which?

# %%
students = {
    "twenty labels": twenty["hard labels"],
    "wrong labels": noisy["hard labels"],
    "wrong labels, smoothed": noisy["label smoothing"],
    "distilled": twenty["distilled"],
}
answers = {name: predict_logits(student, validation_inputs) for name, student in students.items()}
widgets.ReliabilityPanel({**answers, "teacher": validation_teacher_logits}, validation_labels)

# %% [markdown]
# Bars below the diagonal: too sure. Bars above it: too timid. The slider divides the logits by a temperature *after*
# training. That is **temperature scaling**: it moves the confidence and changes no answer.
#
# > **Goal.** Find for each student the temperature with the smallest negative log-likelihood. Who needs more than 1,
# > who less?

# %%
from kdlab.metrics import expected_calibration_error

calibration = {name: expected_calibration_error(logits, validation_labels) for name, logits in answers.items()}
sureness = {name: logits.softmax(-1).amax(-1).mean() for name, logits in answers.items()}
right = {name: accuracy(logits, validation_labels) for name, logits in answers.items()}
assert sureness["twenty labels"] > right["twenty labels"] and sureness["wrong labels"] < right["wrong labels"]
assert max(calibration, key=calibration.get) == "wrong labels, smoothed"
assert min(calibration, key=calibration.get) == "distilled"
print("twenty labels: too sure; wrong labels: too timid; smoothing makes the timid more timid: ok")
print("the distilled student is nearest to the truth: ok")

# %% [markdown]
# The student with twenty labels has seen too little to doubt. The one with wrong labels was lied to in 40 % of the
# cases, and learned to leave room for it: on clean pictures that is too much. Label smoothing tells it to be less
# sure still. The distilled student took its confidence from a teacher that is calibrated; calibration, too, can be
# inherited.
#
# ### When one class is missing
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

# %% [markdown]
# > **Predict.** The hard student of section 2 never says "3" and reads the other nine digits well. About a tenth of
# > the test pictures are 3s. What is its accuracy, and is its macro F1 higher or lower?

# %% tags=["nbval-ignore-output"]
from kdlab.metrics import macro_f1

never = predict_logits(digit_panel.students["hard labels"], test_inputs)
assert macro_f1(never, test_labels) < accuracy(never, test_labels) - 0.02
print(f"accuracy {accuracy(never, test_labels):.1%}, macro F1 {macro_f1(never, test_labels):.1%}")

# %% [markdown]
# One class has an F1 of 0, and the 3s that were called 5 or 8 are false alarms there. In MNIST all classes are about
# the same size; where one makes up 1 % of the data, accuracy hardly notices that it is never found. Macro F1 does.
#
# ### Does a student copy mistakes?
#
# ### ✎ Exercise 5.8 · Do mistakes travel?  (5 minutes, easy)


# %%
def copied_mistakes(student_logits, teacher_logits, labels):
    """Of the pictures that the teacher gets wrong: the share on which the student gives the same wrong answer."""
    ...


lesson.copied_mistakes.check(copied_mistakes)
# lesson.copied_mistakes.hint()
# lesson.copied_mistakes.solution()

# %% [markdown]
# > **Predict.** Every number below is recorded on 10 000 validation pictures. Two students that never heard the
# > teacher make some of its mistakes as well. Why? And who makes the most of them?

# %%
plots.measures(
    recorded,
    {
        "accuracy": "accuracy",
        "nll": "negative log-likelihood",
        "ece": "calibration error",
        "agreement": "agreement with the teacher",
        "copied_mistakes": "copied mistakes",
        "second_choice": "same second choice",
    },
)

# %% [markdown]
# MEASURES_TEXT
#
# ## 5 · When distillation does nothing
#
# Now the experiments that nobody puts on a poster. Give *everybody* all the labels: the 50 000 that the teacher had.
# And make the student so small that it cannot hold what it is told.
#
# One more arm: a **poor teacher**, a net that has learned from 500 labels.

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


# %% [markdown]
# > **Predict.** Eight hidden units, all the labels, T = 20. Will the teacher help by much, by little, or do harm?

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

# %%
small = {
    name: errors(predict_logits(s, validation_inputs), validation_labels) for name, s in tiny_panel.students.items()
}
assert small["distilled"] > small["hard labels"]
print("with the teacher, a student of eight units makes more errors than without: ok")

# %% [markdown]
# It does harm. Eight units cannot carry what T = 20 asks of them: to match *all* ten logits of a net with two million
# weights. Trying to, the student spends its units on ratios among improbable classes, and the first choice suffers.
#
# > **Goal 1.** Find a temperature at which eight units do *not* lose by listening. Hinton and his colleagues found
# > 2.5 to 4 best for their nets of 30 units a layer.
#
# > **Goal 2.** Widen the student. From which width on does the poor teacher hold it back?

# %%
plots.nothing_gained(recorded)

# %% [markdown]
# NOTHING_TEXT
#
# ## 6 · What is handed down
#
# Back to where we began: the second choices. This panel shows them for the teacher and for two students with the same
# 10 000 pictures, one of which heard the soft targets.

# %%
alone, run = start(inputs, labels, recipe=quick)
list(run)
digits = slice(5000)
said = {
    "teacher": predict_logits(teacher, test_inputs[digits]),
    "distilled": predict_logits(twenty["distilled"], test_inputs[digits]),
    "hard labels": predict_logits(alone, test_inputs[digits]),
}
dark_panel = widgets.DarkKnowledgePanel(mnist.test_images[digits], mnist.test_labels[digits], said)
dark_panel

# %% [markdown]
# Each map counts: rows are first choices of the teacher, columns are second choices.
#
# > **Goal.** Pick a cell of the teacher's map that surprises you, and look at its digits until you see what the
# > teacher sees. Then compare: does the distilled student see it, and the hard one?

# %%
inherited = dark_panel.inheritance
assert inherited["distilled"]["same_second"] > inherited["hard labels"]["same_second"]
assert inherited["distilled"]["divergence"] < 0.5 * inherited["hard labels"]["divergence"]
print("the distilled student names the teacher's second choice more often: ok")
print("and what it says about all but the first is less than half as far from the teacher: ok")

# %% [markdown]
# INHERIT_TEXT
#
# ## Quiz

# %%
lesson.quiz

# %% [markdown]
# ## Summary
#
# - A teacher labels a transfer set for nothing. Most of the gain with few labels is *that*; the control with the
#   teacher's argmax shows how much.
# - Soft targets speak about classes that are not there: a student recognises a digit it was never shown, once the
#   bias of its logit is corrected. Choose the bias on validation data.
# - A teacher protects from wrong labels as far as it knows better than they do.
# - Look at calibration, macro F1 and copied mistakes too. Calibration can be inherited; so can mistakes.
# - All labels, a tiny student, a high temperature, a poor teacher: each of them can turn the gain into nothing, or
#   less.
#
# **Left out.** Whether these differences are more than luck, and how to choose temperature and alpha: lesson 06.
# Transfer sets without any pictures at all, made by the teacher: lesson 11, for text.
#
# **References**
#
# - G. Hinton, O. Vinyals, J. Dean: *Distilling the Knowledge in a Neural Network*, 2015, arXiv 1503.02531. Section 3
#   has the omitted digit.
# - C. Guo, G. Pleiss, Y. Sun, K. Weinberger: *On Calibration of Modern Neural Networks*, ICML 2017. Reliability
#   diagrams, temperature scaling.
# - R. Müller, S. Kornblith, G. Hinton: *When Does Label Smoothing Help?*, NeurIPS 2019.
#
# **Next:** 06 · Fair comparisons: how to tell a gain from luck.
