# %% [markdown]
# # 07 · Why it works
#
# *Wrong labels, copied mistakes, soft targets with something missing: what a teacher gives, and where it gives nothing.*
#
# | | |
# |---|---|
# | **Time** | 65 minutes alone; 45 in class (skip exercises 7.1 and 7.4) |
# | **Builds on** | [06 · Fair comparisons](06_fair_comparisons.ipynb) and what it builds on |
#
# **After this lesson you can**
#
# - tell what a teacher brings because it *knows better* from what it brings because it is *soft*,
# - say how many of a student's mistakes are copied, and what to compare that number with,
# - build a control that takes one thing away from a soft target and leaves the rest,
# - name situations in which distillation does nothing or harm, and tell them from a badly chosen learning rate.

# %%
import functools
from dataclasses import replace

import torch

import kdlab
from kdlab import data, models, plots, teachers, training, widgets
from kdlab.exercises import why_it_works as lesson
from kdlab.intervals import t_interval
from kdlab.metrics import accuracy, errors
from kdlab.teachers import predict_logits

kdlab.setup()
mnist = data.load_mnist()
teacher = teachers.load_mnist_teacher()
recorded = data.load_results("why_it_works")

inputs = models.to_inputs(mnist.train_images[:10_000])
labels = torch.from_numpy(mnist.train_labels[:10_000])
teacher_logits = predict_logits(teacher, inputs)

validation_inputs = models.to_inputs(mnist.train_images[50_000:])
validation_labels = torch.from_numpy(mnist.train_labels[50_000:])
validation_teacher_logits = predict_logits(teacher, validation_inputs)

# %% [markdown]
# That soft targets help, and how to find out by how much, is behind you. *Why* do they help? "Dark knowledge" is a
# name, not an answer. An answer would be an experiment that takes one thing away from the teacher and leaves the rest.
#
# Every arm below has its own learning rate, chosen on validation pictures (whose labels are right) by seeds that are
# not shown. ± is a 95 % interval of Student's t over five seeds, paired where two arms are compared: initial weights,
# batches, wrong labels, the noisy and the poor teacher vary; our teacher, the training and the test pictures do not.
#
# ## 1 · Wrong labels
#
# Real labels are wrong here and there. Does a teacher help? It depends on the teacher.
#
# ### ✎ Exercise 7.1 · Wrong on purpose  (10 minutes, medium)
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
# shrugs). One hears a **clean teacher**, ours, and besides it the labels, with a weight of 0.3 (in the panel:
# "distilled"). And one hears a **noisy teacher**: a larger net that was trained on the *same wrong labels*, and has
# nothing over its student but its size.
#
# > **Predict.** 40 % of the labels are wrong. How many digits will a student misread that follows them: about 4 %,
# > 10 %, or 40 %? And who will be better than it: smoothing? the noisy teacher? the clean one?

# %%
from kdlab.labels import flip_labels

recipe = training.Recipe(temperature=4, alpha=0, steps=600)


def row_of(section, **settings):
    """The recorded row with these settings; of shares of wrong labels, the nearest."""
    share = settings.pop("share", 0)
    rows = [row for row in recorded[section] if settings.items() <= row.items()]
    return min(rows, key=lambda row: abs(row.get("share", 0) - share))


def start(inputs, labels, teacher_logits=None, *, width=128, recipe=recipe, **settings):
    """A new student 784-width-10, and its training run."""
    recipe = replace(recipe, **settings)
    student = models.MLP(784, width, 10, seed=recipe.seed)
    return student, training.train(student, inputs, labels, teacher_logits, recipe=recipe, evaluate=look)


def look(student):
    return {"accuracy": accuracy(predict_logits(student, validation_inputs[:2000]), validation_labels[:2000])}


# %%
@functools.cache
def noisy_teacher(share, seed):
    noisy = flip_labels(labels, share, torch.Generator().manual_seed(seed))
    net, rate = models.MLP(784, 300, 300, 10, seed=50 + seed), row_of("noise", arm="noisy teacher", share=share)
    training.fit(
        net, inputs, noisy, recipe=replace(recipe, seed=50 + seed, learning_rate=rate["teacher_learning_rate"])
    )
    return predict_logits(net, inputs)


def noisy_students(share, seed):
    noisy, shrug = flip_labels(labels, share, torch.Generator().manual_seed(seed)), torch.zeros(len(labels), 10)
    smoothing = row_of("noise", arm="label smoothing", share=share)["alpha"]

    def arm(name, *targets, **settings):
        rate = row_of("noise", arm=name, share=share)["learning_rate"]
        return start(inputs, noisy, *targets, learning_rate=rate, seed=seed, **settings)

    return {
        "hard labels": arm("hard labels"),
        "noisy teacher": arm("noisy teacher", noisy_teacher(share, seed)),
        "label smoothing": arm("label smoothing", shrug, temperature=1, alpha=smoothing),
        "distilled": arm("clean teacher, alpha 0.3", teacher_logits, alpha=0.3),
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
    steps=recipe.steps,
)
noise_panel.show_and_run()
spoiled = dict(noise_panel.students)  # the first run's

# %% [markdown]
# <details><summary>What happened</summary>
#
# The first surprise is hard labels. 40 % of them are lies, and yet that student reads nine digits of ten: the lies
# contradict each other, the truth does not. (It learns slowly, at 0.002. At 0.02, the best rate with right labels, it
# makes nearly twice as many errors.) The second is how little smoothing and the noisy teacher change.
# </details>
#
# > **Goal.** Make the labels so bad that hard labels fall below 80 %. What does the clean teacher's student do
# > meanwhile?
#
# > **Predict.** Over five seeds: does smoothing help? And the noisy teacher? Then the question that this lesson is
# > about: with *right* labels, is there anything left for the clean teacher to give?

# %%
right = {name: accuracy(predict_logits(s, validation_inputs), validation_labels) for name, s in spoiled.items()}
assert right["distilled"] - right["hard labels"] > 0.025
print("40 % wrong labels: with the clean teacher, at least 2.5 points better than without: ok")
plots.noise(recorded)


# %%
def saved(section, ours, theirs):
    """Test errors (of 10 000) that `ours` has less than `theirs`: mean and half-width of a 95 % interval."""
    ours, theirs = (row_of(section, **arm)["test_errors"] for arm in (ours, theirs))
    return t_interval([b - a for a, b in zip(ours, theirs, strict=True)])


clean, decided = {"arm": "clean teacher"}, {"arm": "clean teacher's argmax"}
for share in (0.0, 0.4):
    hard = {"arm": "hard labels", "share": share}
    arms = {name: {"arm": name, "share": share} for name in ("label smoothing", "noisy teacher")}
    for name, arm in ({"clean teacher, no labels": clean, "its argmax": decided} | arms).items():
        mean, half = saved("noise", arm, hard)
        print(f"{share:.0%} wrong labels: {name} saves {mean:.0f} ± {half:.0f} errors against hard labels")

# %% [markdown]
# <details><summary>What happened</summary>
#
# - **The clean teacher.** With right labels for everybody its student, which is told *no label at all*, makes nearly a
#   quarter fewer errors than hard labels do. All the truth about these pictures was there in both arms. What is left is
#   in the other nine numbers: softness as such, and what the teacher, who learned from 50 000 labels, says with it. Its
#   argmax, the same truth without softness, gains nothing there. With 40 % wrong labels the argmax does most of the
#   work: truth about these pictures. So it brings both, and which counts more depends on what the labels lack.
#   Listening to the labels beside the teacher, lies and all, makes no difference that the seeds could tell up to 40 %,
#   and costs little at 60 %.
# - **Label smoothing** saves an eighth of the errors where all labels are right, and about a tenth at 40 %; at 20 and
#   60 % the interval holds zero. (Two weights were tried, 0.1 and 0.4. With wrong labels the larger was best each time,
#   so a still larger one might do better.) And look at the right-hand plot: what smoothing costs is calibration.
# - **The noisy teacher** learned from the same lies. With right labels, and with 20 % wrong ones, no gain is told. At
#   40 and 60 % it saves about a tenth of the errors. At 40 % smoothing, which has no teacher, saves as much (difference
#   1 ± 60); only at 60 % does the noisy teacher save more than smoothing (118 ± 47). So there, a student gained from a
#   teacher that had no better labels than it. A reading: a larger net, trained slowly, has averaged some of the lies
#   away.
# </details>
#
# So before you distil to get rid of noise, ask what the teacher knows that the labels do not.
#
# ## 2 · Do mistakes travel?
#
# A teacher that is wrong now and then tells its student so. Does the student believe it?
#
# > **Predict.** A student that has never heard of the teacher: does it repeat some of the teacher's mistakes, with the
# > same wrong digit? And does one that heard the soft targets repeat more?
#
# ### ✎ Exercise 7.2 · Do mistakes travel?  (5 minutes, easy)


# %%
def copied_mistakes(student_logits, teacher_logits, labels):
    """Of the pictures that the teacher gets wrong: the share on which the student gives the same wrong answer."""
    ...


lesson.copied_mistakes.check(copied_mistakes)
# lesson.copied_mistakes.hint()
# lesson.copied_mistakes.solution()

# %% [markdown]
# Here are ten of the teacher's mistakes on the validation pictures. Over each: the label; then what the teacher says, a
# student with hard labels, and a distilled one (T = 4).

# %%
measured = data.load_results("dark_knowledge")


def taught(arm, *targets):
    (row,) = (row for row in measured["measures"] if row["arm"] == arm)
    student, run = start(inputs, labels, *targets, alpha=0.1, learning_rate=row["learning_rate"])
    training.drain(run)
    return predict_logits(student, validation_inputs)


said = [validation_teacher_logits, taught("hard labels"), taught("soft, T = 4", teacher_logits)]
mistakes = (validation_teacher_logits.argmax(-1) != validation_labels).nonzero().squeeze(1)
words = [f"{validation_labels[i]}: {', '.join(str(int(z[i].argmax())) for z in said)}" for i in mistakes[:10]]
plots.digits(mnist.train_images[50_000:][mistakes[:10]], words)

# %% [markdown]
# Some of them would fool anybody. *Recorded* over five seeds, on all 82 mistakes that the teacher makes on the 10 000
# validation pictures (the other measures on test pictures):

# %%
plots.measures(
    measured,
    {
        "copied_mistakes": "copied mistakes",
        "agreement": "agreement with teacher",
        "second_choice": "same second choice",
        "accuracy": "accuracy",
    },
)

# %% [markdown]
# > **Predict.** By how much does the share differ between the student with hard labels and the one at T = 20? Is that
# > more than the seeds' spread?

# %%
by_arm = {row["arm"]: row["copied_mistakes"] for row in measured["measures"]}
for arm in ("label smoothing", "teacher's argmax", "soft, T = 1", "soft, T = 4", "soft, T = 20"):
    mean, half = t_interval([100 * (a - b) for a, b in zip(by_arm[arm], by_arm["hard labels"], strict=True)])
    print(f"{arm}: repeats {mean:+.1f} ± {half:.1f} points of the teacher's mistakes more than hard labels")

# %% [markdown]
# <details><summary>What happened</summary>
#
# Hard labels repeat *half* of the teacher's mistakes, and have never heard of them. That is the number to compare with.
# Soft targets at T = 4 and 20 add some points to it. Argmax, T = 1 and smoothing are not told apart from hard labels.
# The ± counts seeds only, and there are no more than 82 mistakes: with other pictures the difference may well be some
# points larger or smaller.
# </details>
#
# So mistakes do travel, in small numbers, and the students at T = 4 and 20, which repeat more of them than hard labels
# do, still make fewer errors than hard labels do. Look at the agreement, too: even the best student answers otherwise
# than its teacher on three test pictures of a hundred, and most of its own errors are among those. It does not fail
# because it copies too much. Whether our student, with 128 units and 10 000 pictures, could copy its teacher is not
# tested here. Stanton et al. (2021) found that students with room enough for it do not either, and name difficulties of
# optimisation as a key reason.
#
# ## 3 · A soft target taken apart
#
# A soft target says several things at once: which digit; *how sure* the teacher is of this picture; which digits resemble
# that one *in general*; and which ones *this picture* resembles. Take them away one by one.
#
# ### ✎ Exercise 7.3 · Nothing of this picture  (5 minutes, easy)
#
# Give every 4 the same soft target: the mean of the teacher's logits over all 4s. (The label says which are 4s.)


# %%
def class_means(teacher_logits, labels):
    """For each picture the mean of the teacher's logits over all pictures with the same label."""
    ...


lesson.class_means.check(class_means)
# lesson.class_means.hint()
# lesson.class_means.solution()

# %% [markdown]
# ### ✎ Exercise 7.4 · As sure as before, and like nothing  (10 minutes, medium)
#
# Now the other way round: in each picture the first choice stays, and the nine others change places at random. The
# teacher is as sure of each picture as before, and says nonsense about what it resembles.


# %%
def permute_wrong(logits, generator):
    """A copy in which, in each row, all logits but the largest change places at random."""
    ...


lesson.permute_wrong.check(permute_wrong)
# lesson.permute_wrong.hint()
# lesson.permute_wrong.solution()

# %%
from kdlab.labels import class_means, permute_wrong

right = teacher_logits.argmax(-1) == labels
picture = int(((teacher_logits / 4).softmax(-1).topk(2).values[:, 1] * right).argmax())  # a strong second choice
versions = {
    "real": teacher_logits,
    "class mean": class_means(teacher_logits, labels),
    "permuted": permute_wrong(teacher_logits, torch.Generator().manual_seed(0)),
}
soft = {name: (logits[picture] / 4).softmax(-1) for name, logits in versions.items()}
assert torch.equal(*(versions[name][picture].sort().values for name in ("real", "permuted")))
plots.grouped_bars(soft, title=f"three teachers about one {labels[picture]}, at T = 4")

# %% [markdown]
# > **Predict.** Hard labels make about 4 % errors, real soft targets about 3 %. Where between them do permuted ones
# > stand, where class means, and where smoothing, which has neither resemblance nor a teacher?

# %%
plots.taken_apart(recorded, measured)

# %%
errors_of = {row["arm"]: row["test_errors"] for row in [*measured["measures"], *recorded["taken_apart"]]}


def fewer(arm, than):
    """Test errors that `arm` has less, seed by seed: mean and half-width of a 95 % interval."""
    return t_interval([b - a for a, b in zip(errors_of[arm], errors_of[than], strict=True)])


pairs = [("permuted", "hard labels"), ("class means", "hard labels"), ("soft, T = 4", "hard labels")]
pairs += [("class means", "permuted"), ("class means", "label smoothing"), ("soft, T = 4", "class means")]
for arm, other in pairs:
    mean, half = fewer(arm, other)
    print(f"{arm} against {other}: {mean:.0f} ± {half:.0f} errors fewer")

# %% [markdown]
# <details><summary>What happened</summary>
#
# Permuted targets give something, and less than half of the gain. But they are worse than plain smoothing, by 27 ± 7
# errors: they do not only lack resemblance, they teach a false one. So they do not tell how much sureness alone is
# worth. Class means give about three fifths, give or take a fifth. The rest needs what the teacher says about *this
# picture*: how sure it is, or what it resembles. Class means lack both, so this figure cannot say which.
#
# But look at smoothing before you write "resemblance of classes". It knows of no resemblance, and the seeds cannot tell
# it from class means here. What resemblance *as such* adds is therefore not shown by this figure; that the single
# picture adds something is.
# </details>
#
# One width, one temperature (not tuned for the altered targets), true labels with a weight of 0.1 in every arm, one
# size of the training set, one permutation: a first figure, not a law.
#
# ## 4 · When distillation does nothing
#
# Now the experiments that nobody puts on a poster. Give *everybody* all the labels: the 50 000 that the teacher had.
# And make the student very small.
#
# > **Predict.** Eight hidden units, all the labels, T = 20. Will the good teacher help by much, by little, or do harm?

# %%
all_inputs = models.to_inputs(mnist.train_images[:50_000])
all_labels = torch.from_numpy(mnist.train_labels[:50_000])
all_logits = torch.cat([teacher_logits, predict_logits(teacher, all_inputs[10_000:])])
tiny = training.Recipe(alpha=0.1, steps=1200)


def tiny_students(width, temperature, seed):
    how = {"recipe": tiny, "width": width, "temperature": temperature, "seed": seed}
    hard = row_of("tiny", arm="hard labels", width=width)["learning_rate"]
    soft = row_of("tiny", arm="distilled", width=width, temperature=temperature)["learning_rate"]
    return {
        "hard labels": start(all_inputs, all_labels, learning_rate=hard, **how),
        "distilled": start(all_inputs, all_labels, all_logits, learning_rate=soft, **how),
    }


# %%
tiny_panel = widgets.ExperimentPanel(
    tiny_students,
    controls=[
        widgets.Control("width", "hidden units", [8, 16, 32], 8),
        widgets.Control("temperature", "temperature", [1, 2, 4, 8, 20], 20),
    ],
    measures={"accuracy": ("Accuracy on 2000 validation images", (0.8, 1.0))},
    against="temperature",
    steps=tiny.steps,
)
tiny_panel.show_and_run()
eight = dict(tiny_panel.students)  # the first run's

# %% [markdown]
# <details><summary>What happened</summary>
#
# It does harm, though both arms have the learning rate that suits them best. (At 8 units that is the same one.)
# </details>
#
# > **Goal.** Is there a temperature at which eight units gain by listening? Try more than one seed before you say yes.
# > Hinton and his colleagues found 2.5 to 4 best for their nets of 30 units a layer.
#
# On the right of the next figure stands another way to gain nothing: a **poor teacher**, a net that has learned from
# 500 labels.
#
# > **Predict.** A student has 10 000 right labels, and a teacher that is worse than the student could be alone. With
# > half of the weight on the labels, what does it become: as poor as the teacher, as good as without, or in between?

# %%
small = {name: errors(predict_logits(s, validation_inputs), validation_labels) for name, s in eight.items()}
assert small["distilled"] - small["hard labels"] > 50
print("eight units, T = 20: at least 50 errors more with the teacher than without: ok")
plots.nothing_gained(recorded)

# %%
for width in (8, 16, 32):
    hard, parts = {"arm": "hard labels", "width": width}, []
    for temperature in (1, 2, 4, 8, 20):
        mean, half = saved("tiny", {"arm": "distilled", "width": width, "temperature": temperature}, hard)
        parts.append(f"T = {temperature}: {mean:.0f} ± {half:.0f}")
    print(f"{width} units, errors saved:", ", ".join(parts))
for teacher_name, alpha in (("good", 0.0), ("good", 0.5), ("poor", 0.0), ("poor", 0.5)):
    mean, half = saved("poor_teacher", {"arm": f"{teacher_name} teacher", "alpha": alpha}, {"arm": "hard labels"})
    print(f"{teacher_name} teacher, α = {alpha:g}: {mean:.0f} ± {half:.0f} errors saved")

# %% [markdown]
# <details><summary>What happened</summary>
#
# **Left.** With all the labels, T = 1 is not told apart from hard labels at any of these widths. From T = 8 on every
# width loses, eight units lose at T = 4 already. In between, 32 units gain at T = 2, 35 ± 27 errors, about a tenth, and
# the only gain among these. (Fifteen intervals of 95 %: one of them may well miss.) Hinton's remark, that small nets
# want low temperatures, fits. Our reading: at a high temperature the student is asked to match *all* ten logits of a
# net with two million weights, spends its few units on ratios among improbable classes, and the first choice suffers.
# It is a reading: nothing here measures what the units are spent on, nor whether more than 1200 steps would mend it. In
# lesson 06 wider students, with 10 000 labels, do well at higher temperatures.
#
# **Right.** The good teacher gains with half of the weight on the labels as well as with none. The poor teacher, left
# alone (α = 0), makes its student as poor as itself (dotted): the student can do much better, and is not asked to. Half
# the weight on true labels repairs only a third of that.
# </details>
#
# How to spot it early? **Print the teacher's accuracy** first, beside that of a student with hard labels: a teacher
# that is worse, on the pictures that you care about, may do harm, as ours did with both weights. **Run the hard
# student** in every comparison, or you will not notice that nothing was gained. **Give each arm its own learning rate**
# before you say that distillation does not work: at 0.005 for both, T = 2 would have lost at 32 units (445 against 397
# validation errors, in the same record); each at its own rate it wins (on the five other seeds 302 against 335
# validation errors).
#
# ## 5 · What was shown, and what not
#
# | reading: soft targets help because ... | what speaks for it here | what does not, or is open |
# |---|---|---|
# | the teacher knows the truth | wrong labels: its bare decisions bring most of the gain | right labels: no gain is told (0 ± 19 errors) |
# | they speak of this very picture | real ones beat class means | whether by how sure they are, or by what it resembles |
# | they say what classes resemble | class means beat permuted ones, but those teach a false resemblance | smoothing, without resemblance, is not told apart from class means |
# | they are softer than labels, whatever they say | smoothing helps, with right labels | it helps half as much, and costs calibration |
# | the student copies its teacher | mistakes are copied, a little | it agrees less than it could; a small student at high T is harmed |
#
# ## Quiz

# %%
lesson.quiz

# %% [markdown]
# ## Summary
#
# - A teacher protects from wrong labels as far as it knows better than they do. Where labels are right, softness is left,
#   and it is worth nearly a quarter of this student's errors.
# - Students repeat half of a teacher's mistakes without having met it. On our 82 mistakes distillation at T = 4 and 20
#   adds seven to ten points to that.
# - Controls take one thing away: the argmax takes softness, permuting takes resemblance, class means take the picture,
#   smoothing takes the teacher.
# - A tiny student at a high temperature and a poor teacher turn the gain into a loss, with every learning rate tuned.
# - A reading is not a finding until an experiment could have said no to it.
#
# **Left out.** The luck of labels: a soft target as what many labels would say on average. Soft targets taken apart at
# other widths and with more data. Larger and longer trained teachers, and much longer training.
#
# **References**
#
# - G. Hinton, O. Vinyals, J. Dean: *Distilling the Knowledge in a Neural Network*, 2015, arXiv 1503.02531.
# - R. Müller, S. Kornblith, G. Hinton: *When Does Label Smoothing Help?*, NeurIPS 2019.
# - M. Lukasik, S. Bhojanapalli, A. Menon, S. Kumar: *Does label smoothing mitigate label noise?*, ICML 2020.
# - S. Stanton, P. Izmailov, P. Kirichenko, A. Alemi, A. Wilson: *Does Knowledge Distillation Really Work?*, NeurIPS
#   2021. Students agree with their teachers less than one would think.
#
# **Next:** [08 · Feature distillation](08_feature_distillation.ipynb): what hidden layers can teach.
