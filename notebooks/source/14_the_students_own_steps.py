# %% [markdown]
# # 14 · The student's own steps
#
# *What a student never sees in training is what it does itself. Let it walk, write, add up and draft, and have its teacher
# look at that.*
#
# | | |
# |---|---|
# | **Time** | 100 minutes alone, 60 in class (skip exercises 14.3, 14.4 and 14.7, and section 5) |
# | **Builds on** | [12 · Language models](12_language_models.ipynb) and [13 · Distilling an LLM](13_distilling_an_llm.ipynb) |
#
# **After this lesson you can**
#
# - write the loop of on-policy distillation, and say when it pays and when it does not,
# - let a student look ahead with a policy gradient, take the noise out with a baseline, and see what it costs in variety,
# - distil written-out steps, check them, and shorten them,
# - let a small model draft for a large one, without changing a single probability of what comes out.

# %%
import copy
import math
import time
from dataclasses import replace

import torch

import kdlab
from kdlab import arithmetic, data, drafting, generation, intervals, language, losses, models, pieces, plots, teachers
from kdlab import training, walks, widgets
from kdlab.exercises import the_students_own_steps as lesson

kdlab.setup()
recorded = data.load_results("own_steps")


def values(section, arm, what):
    """The recorded figure of each seed."""
    return torch.tensor([row[what] for row in recorded[section] if row["arm"] == arm])


def difference(section, ours, theirs, what):
    """Mean difference over the seeds, and half of its 95 % interval."""
    return intervals.t_interval((values(section, ours, what) - values(section, theirs, what)).tolist())


# %% [markdown]
# ## 1 · Nobody showed it how to come back
#
# A grid of 8 × 8 fields. A **prompt** says where you stand and where you want to go, four tokens. The answer is a walk:
# moves, then END. There are many right walks, and the teacher draws one: at each field it goes towards the goal, sideways or
# up and down as luck has it.


# %%
def seeded(seed):
    return torch.Generator().manual_seed(seed)


def drawn(ids):
    """(prompts, walks) as plots.grid_walks wants them: moves, which of them are wrong, whether the walk arrived."""
    own, wrong, there = walks.counts(ids) & (ids < walks.END), walks.wrong_turns(ids), walks.arrived(ids)
    rows = [
        (row[mine].tolist(), bad[mine].tolist(), bool(ok))
        for row, mine, bad, ok in zip(ids, own, wrong, there, strict=True)
    ]
    return (ids[:, :4] - walks.FIRST).tolist(), rows


given = walks.teacher_writes(walks.prompts(300, seeded(0)), seeded(1))
print("a prompt and its walk:", given[0].tolist())
plots.grid_walks(*drawn(given[:4]), ["given"] * 4)

# %% [markdown]
# This teacher is better than any network: it is a dozen lines of arithmetic (`walks.teacher`), and it is **exact**. It knows
# what to do after *any* beginning, also one that it would never have written itself.
#
# > **Predict.** Somebody stands three fields to the left of the goal and goes *left*. What does the teacher say then?

# %%
base = torch.tensor([[5, 3, 8, 3]]) + torch.tensor([[0, 5, 0, 5]])  # from column 0, row 3 to column 3, row 3
right, left = walks.MOVES["right"], walks.MOVES["left"]
beginnings = {"at the start": [], "went right three times": [right] * 3, "went left": [left]}
said = {
    title: walks.teacher(torch.cat([base, torch.tensor([moves], dtype=torch.int64)], 1))[0, -1].softmax(-1)[:5]
    for title, moves in beginnings.items()
}
assert said["went left"].argmax() == right and said["went right three times"].argmax() == walks.END
plots.next_moves({title: p.tolist() for title, p in said.items()})

# %% [markdown]
# It says: go back. (One part in a hundred is spread over all tokens, so that no logarithm is infinite.) You will not find
# that piece of advice in the 300 given walks, because they never go the wrong way.
#
# A row has 24 tokens. Which of them should a student learn from? Not the prompt, which was given; and nothing after END.
#
# ### ✎ Exercise 14.1 · Where a walk is over  (8 minutes, medium)


# %%
def counts(ids, prompt, end):
    """Which tokens of texts (N, L) count, bool (N, L): those after the prompt, up to the first `end` and with it."""
    ...


lesson.counts.check(counts)
# lesson.counts.hint()
# lesson.counts.solution()

# %% [markdown]
# <details><summary>It hardly ever stops, and I do not see why</summary>
#
# Is END itself counted? If a student never hears that END is right there, it never learns to say it. That happens easily
# where padding and end share one id, and all padding is masked away.
# </details>
#
# Now a student: one layer, width 32, trained for 300 steps on the 300 given walks, with the teacher's whole distribution at
# every place (lesson 12's word-level distillation). Then it walks 1000 prompts that it has not seen.
#
# > **Predict.** After the *teacher's* moves it is close to its teacher. How many of its own walks arrive?

# %%
recipe = training.Recipe(temperature=1, alpha=0, steps=300, batch_size=64, learning_rate=0.008)
start = models.LanguageModel(walks.VOCABULARY, width=32, heads=4, layers=1, context=24, std=0.1, seed=0)
training.drain(walks.train_walker(start, given, recipe=recipe, on_policy=0))


def walk(student, count=1000, seed=9):
    """Walks of a student from new prompts."""
    return generation.generate(student, walks.prompts(count, seeded(seed)), walks.LONGEST, generator=seeded(seed))


def coming_back(ids):
    """Of the walks with a wrong move, the share that arrives nevertheless."""
    moved_wrong = (walks.wrong_turns(ids) & (ids < walks.END)).any(1)
    return walks.arrived(ids)[moved_wrong].float().mean().item()


own = walk(start)
arrive, back = walks.arrived(own).float().mean().item(), coming_back(own)
assert 0.2 < arrive < 0.7 and back < arrive
print("fewer than 7 in 10 walks arrive, and of those with a wrong move fewer still: ok")
lost = own[~walks.arrived(own)][:4]
plots.grid_walks(*drawn(lost), ["lost"] * 4)

# %% [markdown]
# Some stop a field too early, or run past the goal. Look at the dotted steps: the first one is a slip, as anybody makes. What
# follows is the trouble: the student now stands
# where no given walk has ever stood, and goes on as it pleases. Its mistakes feed on each other. Ranzato et al. (2016) named
# it **exposure bias**; in imitation learning it has been known for longer (Ross et al. 2011).
#
# ### The loop
#
# The cure is plain. Let the *student* walk. Ask the teacher what it would have done at each place of *that* walk. Learn
# from the answers. This is **on-policy distillation**, and its best known form is GKD (Agarwal et al. 2024). Here is all
# of it:


# %%
def own_step(student, prompts, optimizer, divergence, generator):
    """One step of on-policy distillation; returns the loss."""
    ids = generation.generate(student, prompts, walks.LONGEST, generator=generator)  # the student walks, no gradient
    mask = walks.counts(ids)[:, 1:]  # entry i of the logits scores token i + 1
    advice = walks.teacher(ids[:, :-1])
    loss = divergence(student(ids[:, :-1])[mask], advice[mask])
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    return loss.item()


student, generator = copy.deepcopy(start), seeded(0)
optimizer = torch.optim.Adam(student.parameters(), lr=0.004)
some = [own_step(student, given[:64, :4], optimizer, losses.kl_divergence, generator) for _ in range(20)]
assert all(map(math.isfinite, some))
print("20 steps on its own walks: ok")

# %% [markdown]
# No gradient flows through the drawing: the walk counts as given, as if somebody else had made it. `walks.train_walker` is
# this loop with a schedule; `language.distill_on_policy` does it for any teacher and prompts of any length.
#
# Two copies of our student now go on for 300 steps, both with forward KL. One hears about the given walks, the other about
# its own. They walk the same prompts, before your eyes. (The rates were chosen for each; see below.)
#
# > **Predict.** Which curve is ahead after 50 steps? And after 300?

# %%
panel = widgets.WalkPanel(
    start, given, {"own": replace(recipe, learning_rate=0.016), "given": replace(recipe, learning_rate=0.016)}, seed=4
)
panel.show_and_run()
early = panel.curves["steps"].index(61)
assert panel.curves["own"][early] < panel.curves["given"][early]
ends = {arm: walk(student) for arm, student in panel.students.items()}
share = {arm: walks.arrived(ids).float().mean().item() for arm, ids in ends.items()}
back = {arm: coming_back(ids) for arm, ids in ends.items()}
assert share["own"] > share["given"] + 0.15 and back["own"] > back["given"] + 0.15
print("after 61 steps own walks are behind; after 300 at least 15 in 100 more arrive than after given walks: ok")
print("and of the walks with a wrong move, at least 15 in 100 more come back: ok")
young = copy.deepcopy(start)
run = walks.train_walker(young, given, recipe=replace(recipe, learning_rate=0.016))
for _ in range(30):
    next(run)
ids = walk(young)
endless = (ids != walks.END).all(1).float().mean()
assert endless > 0.25 and walks.wrong_turns(ids).sum() > 0.3 * walks.counts(ids).sum()
print("own walks after 30 steps: at least a quarter never end, and at least three moves in ten are wrong: ok")

# %% [markdown]
# **Goal.** Find a prompt on which the student on given walks gets lost (**Other prompts** draws new ones), and look where its
# first wrong step is. Does the other one never err, or does it err and come back?
#
# And why does the winner fall behind first? Both fall: a fresh optimizer begins, with twice the old rate. But after 30 steps
# the student on its own walks errs in three moves of ten or more, and many of its walks never end. It learns from walks as
# bad as its own. The fewer of them come by a goal, the less it hears of END. Then they improve, and so does what it learns
# from. Given walks are ahead for the first 100 steps: who stops there reports the opposite.
#
# ### Is it that?
#
# Two students, one seed, one pair of rates prove little. Recorded: three seeds, and each arm at the rate that was best for it
# on prompts of their own. Besides, there are controls. A step on own walks takes twice as long, so one arm gets given walks
# for equal *time*. Another gets walks that the teacher *writes anew* for the same 300 prompts at each step: fresh, but never
# off the way. And reverse KL, which many papers use with own text: is it the direction that helps?
#
# > **Predict.** Order them: *given, equal time*; *written anew*; *own, forward KL*; *own, reverse KL*.


# %%
for ours, theirs in (
    ("own, forward KL", "given, forward KL"), ("own, forward KL", "given, equal time"), ("own, forward KL", "written anew"),
    ("own, reverse KL", "given, reverse KL"), ("own, forward KL", "own, reverse KL"), ("unlimited, own", "unlimited, given"),
):  # fmt: skip
    mean, half = difference("walks", ours, theirs, "sampled")
    verdict = "ahead" if mean > half else "behind" if mean < -half else "no difference to be seen"
    print(f"{ours} against {theirs}: {100 * mean:+.0f} ± {100 * half:.0f} in 100: {verdict}")

arms = {
    "start": "start", "given, forward KL": "given", "given, reverse KL": "given", "given, equal time": "given",
    "written anew": "teacher", "half own, forward KL": "own", "own, forward KL": "own", "own, reverse KL": "own",
    "unlimited start": "start", "unlimited, given": "given", "unlimited, own": "own",
}  # fmt: skip
titles = {"sampled": "arrive, sampled", "greedy": "arrive, greedy"}
plots.arms_side_by_side(
    {
        title: {arm: (color, values("walks", arm, key).tolist()) for arm, color in arms.items()}
        for key, title in titles.items()
    },
    percent=True,
)

# %% [markdown]
# - **Own walks win, by far.** More than nine in ten arrive, and greedily nearly all. After as much *time* on given walks it is
#   two in three.
# - **Fresh is not enough.** With walks that the teacher writes anew more arrive than with the same 300, on every seed, since
#   there are many right ways for one prompt. But they never stray, and 16 in 100 fewer arrive than after own walks.
# - **It is not the direction of the KL.** On own walks forward and reverse KL do equally well. On given walks neither beats
#   the other. Who changes both at once and compares with the start gives one the credit of the other. What helps is *which
#   places* the student is taught at.
# - **It errs less, too.** Of a student's tokens on its own walks, one in 22 is wrong after own walks, one in ten after given
#   ones for equal time. After its own moves it is much nearer to its teacher, 0.05 to 0.08 nats instead of 0.4 to 0.7.
#   (The whole record is in `benchmarks/results/own_steps.json`.)
#
# ### When you can have as much as you like
#
# The last three rows are the honest control. There, *each* step of both arms has new prompts, and new walks of the teacher.
#
# Now the given walks have been nearly everywhere, and of the 34 in 100 that own walks were ahead after equal steps, 5 are left.
# (A step on own walks takes 1.6 times as long here; given walks for equal time were not tried.) So this is no law: **own text pays where given text is scarce, or is of another kind than what the student runs into.** That is the usual
# case. Nobody has unlimited prompts, and what a small model writes by itself is not what its teacher would write.
#
# ### Some of each
#
# GKD has a knob, called λ: with probability λ a step is on the student's own text, otherwise on given text. At the very
# beginning a student writes nonsense, and a teacher's advice after nonsense is worth little.
#
# ### ✎ Exercise 14.2 · Some of each  (5 minutes, easy)
#
# GKD draws one number a step. Draw one for each text instead, and a batch has some of each.


# %%
def mixed(given, own, share, chance):
    """Texts (N, L): row n is the student's own where chance[n] < share, else the given one; chance (N,) in [0, 1)."""
    ...


lesson.mixed.check(mixed)
# lesson.mixed.hint()
# lesson.mixed.solution()

# %% [markdown]
# In the first recorded figure, *half own* is λ = ½: better than given walks alone, and on every seed behind own walks alone.
# Our student began with 300 steps on given walks, so it never wrote mere nonsense; from a colder start that may differ.
#
# ## 2 · The same with text
#
# In lesson 12 a teacher of 1.26 million weights taught students to write Moby-Dick, one character after another. Take the
# smallest of them, 4448 weights. It will never be its teacher, so it has to choose its faults. Trained with forward KL it
# rambles. Here it is.

# %% tags=["nbval-ignore-output"]
book = data.load_moby_dick()
tokenizer, teacher = teachers.load_moby_dick_teacher()
few, validation = (torch.from_numpy(tokenizer.encode(text)) for text in (book.train[:10_000], book.validation[:20_000]))
few_logits = language.predict_text(teacher, few)
text_recipe = training.Recipe(temperature=1, alpha=0, steps=300, batch_size=32, learning_rate=0.016)
small = models.LanguageModel(39, width=16, heads=2, layers=1, context=32, std=0.14, seed=0)
training.drain(language.train_language_model(small, few, few_logits, recipe=text_recipe, length=32))


def texts_of(model, count=128):
    """Texts of 24 characters after held-out beginnings of 8, ids (count, 32)."""
    return generation.generate(model, validation[: 8 * count].view(count, 8), 24, generator=seeded(5))


def teacher_says(ids):
    """The teacher's bits for each character of such texts: few if it might have written them itself."""
    with torch.no_grad():
        return losses.cross_entropy(teacher(ids[:, :-1])[:, 7:], ids[:, 8:]).item() / math.log(2)


for name, model in (("teacher", teacher), ("student", small)):
    ids = texts_of(model)
    print(f"{name}: the teacher needs {teacher_says(ids):.2f} bits. {[tokenizer.decode(row) for row in ids[:3]]}")

# %% [markdown]
# ### Looking ahead
#
# Own text and reverse KL at each place is GKD with β = 1. But a character may look fine by itself and lead into a corner
# where the teacher has little good to say. The reverse KL of *whole texts*, KL(student ‖ teacher), blames it for all that
# came after. Its gradient has two parts (MiniLLM, Gu et al. 2024):
#
# - the reverse KL at each place, as before: what the token costs at once;
# - a **policy gradient**: make a token likelier if the teacher liked what *followed* better than the student did.
#
# ### ✎ Exercise 14.3 · What came of it  (8 minutes, hard)
#
# `log_p` is the teacher's log-probability of each token that the student wrote, `log_q` the student's own. The gains are
# numbers that the loss will weigh with, so no gradient flows through them.


# %%
def later_gains(log_p, log_q):
    """For each token of each text (N, L): the sum of log p - log q over all tokens *after* it."""
    ...


lesson.later_gains.check(later_gains)
# lesson.later_gains.hint()
# lesson.later_gains.solution()

# %% [markdown]
# The loss gains `-(later_gains(log_p, log_q) * log_q).mean()`. This is right on average, and terribly noisy. For a poor
# student *every* text has a large negative gain: the teacher likes none of them. So each step says “less of this!” to
# whatever happened to be drawn, and the little that tells a good text from a bad one drowns.
#
# The remedy costs one line. Judge a text by how much better it did than the *others of its batch*. That is a **baseline**.
#
# ### ✎ Exercise 14.4 · Better than the others?  (8 minutes, medium)


# %%
def leave_one_out(later):
    """Each text's later gains (N, L), less the mean of the *other* texts' at the same place."""
    ...


lesson.leave_one_out.check(leave_one_out)
# lesson.leave_one_out.hint()
# lesson.leave_one_out.solution()

# %% [markdown]
# Does that not falsify the gradient? With three tokens there are only 729 texts of six. So here the true gradient can be
# computed, by going through all of them, and compared with what 2000 batches of eight drawn texts say.
#
# > **Predict.** Will the mean of the batches be right with the baseline? And their scatter?

# %%
theta = torch.randn(6, 3, generator=seeded(0)).requires_grad_()  # the student: a distribution for each of 6 places
table = 5 * torch.randn(4, 3, generator=seeded(1))  # the teacher: what follows which token; row 3 for the beginning


def logits_for(ids):  # logits (N, 6, 3) of both for texts (N, 6)
    before = torch.cat([torch.full((len(ids), 1), 3), ids[:, :-1]], 1)
    return theta.expand(len(ids), 6, 3), table[before]


every = torch.cartesian_prod(*[torch.arange(3)] * 6)
log_q, log_p = (z.log_softmax(-1).gather(-1, every[..., None]).sum((1, 2)) for z in logits_for(every))
exact = torch.autograd.grad((log_q.exp() * (log_q - log_p)).sum() / 6, theta)[0]
texts, scatter = torch.multinomial(theta.detach().softmax(-1), 16_000, replacement=True, generator=seeded(2)).T, {}
for baseline in (False, True):
    found = []
    for ids in texts.split(8):  # the gradient that eight drawn texts give
        both = logits_for(ids)
        loss = losses.reverse_kl_divergence(*both) + losses.policy_gradient_loss(*both, ids, baseline=baseline)
        found.append(torch.autograd.grad(loss, theta)[0])
    found = torch.stack(found)
    scatter[baseline] = found.std(0).norm() / exact.norm()
    assert (found.mean(0) - exact).norm() < 0.15 * exact.norm()
assert scatter[True] < 0.75 * scatter[False]
print("both means are the true gradient to within 15 %; with the baseline a batch scatters by a quarter less: ok")

# %% [markdown]
# Right on average in both cases, since a text's baseline does not depend on what *this* text drew. Here the scatter is a
# good part smaller. How much it is worth depends on how much all texts have in common, and in a young student's text that
# is nearly everything.
#
# Now the student from above, 60 more steps. Once on given text with reverse KL, once on its own text, looking ahead.
#
# > **Predict.** Whose text will the teacher like better? Read both.

# %% tags=["nbval-ignore-output"]
after = {}
plan = replace(text_recipe, steps=60, learning_rate=0.016)
for name in ("given text", "its own text, looking ahead"):
    student = copy.deepcopy(small)
    if name == "given text":
        options = {"length": 32, "divergence": losses.reverse_kl_divergence_core}
        training.drain(language.train_language_model(student, few, few_logits, recipe=plan, **options))
    else:
        run = language.distill_on_policy(student, teacher, few, recipe=plan, length=32, prompt=8, long_term=1.0)
        training.drain(run)
    ids = texts_of(student)
    after[name] = teacher_says(ids)
    print(f"{name}: {after[name]:.2f} bits. {[tokenizer.decode(row) for row in ids[:3]]}")
assert after["its own text, looking ahead"] < after["given text"] - 0.1

# %% [markdown]
# ### Precise and less varied
#
# Fewer bits, and by eye more words. But look at what it writes: *the the the*. A student can please its teacher by saying
# little, and being safe. So hold a second number against the first: the share of different runs of four characters in its
# texts, **distinct-4** (lesson 13). Recorded: three seeds, 80 steps; those on own text all at one large rate, as above, to see
# where each way leads.

# %%
figures = ("teacher_bits", "distinct_4")
looks = (
    ("text", "start", "start", "start", "s"), ("text", "given, reverse KL", "given text", "given", "o"),
    ("text", "given, reverse KL, equal time", "given text, equal time", "given", "D"),
    ("precision", "own, reverse KL", "own text", "own", "o"),
    ("precision", "own, looking ahead, no baseline", "own, ahead, no baseline", "bare", "v"),
    ("precision", "own, looking ahead", "own, ahead, baseline", "long", "^"),
)  # fmt: skip
teachers_own = recorded["text_teacher"][0]
plots.precision_and_diversity(
    {
        name: (color, marker, list(zip(*(values(section, arm, key).tolist() for key in figures), strict=True)))
        for section, arm, name, color, marker in looks
    },
    teacher=[teachers_own[key] for key in figures],
)

# %% [markdown]
# Further left is what the teacher likes better, further down is poorer.
#
# - **Looking ahead leads down.** Where it brings the bits down, the variety goes with them: the precise, less varied student
#   of the textbooks. Its three seeds lie far apart, the mark of a noisy gradient. (A step had 16 texts here, 32 above.)
# - **The baseline** shows in how the two kinds of triangle lie. For about the same variety, a student without it costs the
#   teacher half a bit to a bit more for each character. (Two pairs that can be compared: a hint, no proof.)
# - **Given text for equal time** is left of nearly all, at a little less variety than the teacher's own text. That is a better trade.
#
# Which of them is *nearest to the teacher*, then? What the policy gradient is after is the reverse KL of whole texts, the
# teacher's bits minus the student's own. Recorded: the same arms, each at the rate that is best in this respect on other
# held-out beginnings.

# %%
for ours, theirs in (
    ("own, looking ahead", "own, looking ahead, no baseline"), ("own, looking ahead", "own, reverse KL"),
    ("own, reverse KL", "given, reverse KL"), ("own, reverse KL", "given, reverse KL, equal time"),
):  # fmt: skip
    mean, half = difference("text", ours, theirs, "reverse_kl")
    verdict = "nearer" if mean < -half else "further" if mean > half else "no difference to be seen"
    print(f"{ours} against {theirs}: {mean:+.2f} ± {half:.2f} bits a character: {verdict}")
cost = {name: teachers_own[f"{name}, ms a step"] for name in ("given, cached", "given, teacher asked", "own")}
for name, milliseconds in cost.items():
    print(f"{name}: {milliseconds:.0f} ms a step (recorded, 16 texts, one thread)")
print(f"filling a cache of 20 000 characters: {teachers_own['cache_of_20000_seconds']:.1f} s, once")
writing = cost["own"] / cost["given, teacher asked"]
assert cost["given, teacher asked"] > 4 * cost["given, cached"] and writing < 1.6
print("the teacher makes a step at least four times as long; writing adds at most 60 % to that: ok")
plots.arms_side_by_side(
    {"reverse KL of whole texts, bits": {arm: (color, values("text", arm, "reverse_kl").tolist()) for arm, color in (
        ("start", "start"), ("given, reverse KL", "given"), ("given, reverse KL, equal time", "given"),
        ("own, reverse KL", "own"), ("own, looking ahead, no baseline", "bare"), ("own, looking ahead", "long"))}}
)  # fmt: skip

# %% [markdown]
# - **Own text or given text? For equal steps they come out level**, and for equal time given text with a cache is far ahead:
#   900 steps for 80. Filling that cache is not in this sum. With one student it takes away three quarters of the time. That is the opposite of section 1, and no contradiction. Here given text is plentiful, and a slip does not lead to a place
#   from which nothing is left to learn: an odd word is still followed by words.
# - **Looking ahead does not pay here.** At its best rate it ends a little *further* from the teacher than plain own text. Its
#   best rate is small, because at larger ones the noise of 16 texts a step does harm. The baseline's part in that is not
#   certain with three seeds; the 729 texts above show what it does.
# - So the figure before this one is no progress, but a *trade*: fewer bits from the teacher for less variety. Without the
#   second number we might have called it a success.
#
# (80 steps are few, and one rate was chosen with one seed. MiniLLM reports gains for large models with large batches, a
# better start and further remedies for the noise.)
#
# ### What it costs
#
# The dear part is the *teacher*, 280 times as large as its student, who has to read each step's text. Who distils on given
# text without a cache pays for that, too. And a cache is filled once, and serves for many students; own text can be asked
# about only once, since the student changes. In practice people set λ below 1, keep own texts for a few steps, or let a fast
# server write and score them.
#
# > **Where this is today.** In Hugging Face's TRL (read in November 2026) the loop of section 1 is the `DistillationTrainer`:
# > own text at every step and, if you say nothing, β = 1, reverse KL. The mixture is in `trl.experimental.gkd`; there λ
# > (`lmbda`) is 0.5 and β 0.5, the JSD of lesson 12. The MiniLLM trainer weighs the two parts from above:
# > the KL at each place alone is GKD with reverse KL.
#
# ## 3 · Written-out steps
#
# Some answers cannot be guessed in one go. Adding two numbers takes a step for each column, and a carry. A network that has
# to write `132` right behind `47+85=` must do all columns at once, in its head. One that may write them out does one easy
# thing after another.
#
# `47+85=` can go on in three ways: `7+5+0=12,4+8+1=13:132.` is the **long** one (both digits and the carry of each column, and
# their sum), `12,13:132.` the **short** one, `:132.` the **answer** alone. What stands behind the colon is judged.
#
# Two students, alike but for what they learn from: 600 additions of one to three digits, 400 steps. One sees the answers,
# the other the long way.
#
# > **Predict.** How many of new additions with two digits will each get right?


# %%
def additions(digits, count, seed):
    return arithmetic.problems(digits, count, seeded(seed))


lessons = [pair for digits, count in ((1, 40), (2, 200), (3, 360)) for pair in additions(digits, count, digits)]
exam = [pair for pair in additions(2, 200, 50) if pair not in lessons]
adders, right = {}, {}
for style, rate in (("answer", 0.02), ("long", 0.04)):
    adders[style] = models.LanguageModel(15, width=32, heads=4, layers=1, context=64, std=0.1, seed=0)
    texts = [arithmetic.prompt(*pair) + arithmetic.written_out(*pair, style) for pair in lessons]
    plan = training.Recipe(temperature=1, alpha=0, steps=400, batch_size=64, learning_rate=rate)
    training.drain(arithmetic.train_adder(adders[style], texts, recipe=plan))
    written = arithmetic.write(adders[style], exam, temperature=0)
    right[style] = sum(arithmetic.is_right(text, *pair) for text, pair in zip(written, exam, strict=True)) / len(exam)
    print(style, "->", arithmetic.prompt(*exam[0]) + written[0])
assert right["answer"] < 0.25 and right["long"] > right["answer"] + 0.3
print("answers alone: fewer than a quarter right; written out: at least 30 in 100 more: ok")

# %% [markdown]
# The long way has more tokens, so the student also hears more. But look at what kind they are: each follows from a few
# others by a rule with few cases.
#
# ### A teacher that errs
#
# A textbook has no mistakes. A language model has. Our teacher for the rest of this section is a network too, of two layers,
# and not a perfect one: sampled, it gets about two in three right.
#
# A student that learns from such texts learns the mistakes, too. But answers can be *checked*, at least in arithmetic, in
# programs that have tests, in proofs. So: let the teacher write several solutions, keep the right ones. That is **rejection
# sampling**.
#
# ### ✎ Exercise 14.5 · The checker  (8 minutes, easy)
#
# The answer is what stands between the last colon and the full stop at the end.


# %%
def checked(prompts, texts):
    """A list of bool: whether the number between a text's last colon and the full stop at its end is the right sum."""
    ...


lesson.checked.check(checked)
# lesson.checked.hint()
# lesson.checked.solution()

# %%
teacher_row = recorded["addition_teacher"][0]
every_text = [(a, b, text) for a, b, *texts in teacher_row["samples"] for text in texts]
passed = [row for row in every_text if arithmetic.is_right(row[2], row[0], row[1])]
lucky = [(a, b, text) for a, b, text in passed if not arithmetic.steps_are_right(text, a, b)]
assert 0.5 < len(passed) / len(every_text) < 0.9 and len(lucky) < 0.1 * len(passed)
print("the checker keeps between half and nine tenths; of those, fewer than one in ten has a wrong step:")
for a, b, text in lucky[:2]:
    print(f"    {arithmetic.prompt(a, b)}{text}")
print(
    f"in four tries never right: {teacher_row['problems_never_right']} of {len(teacher_row['samples'])} problems; refused:"
)
for a, b, text in [row for row in every_text if row not in passed][40:160:40]:
    print(f"    {arithmetic.prompt(a, b)}{text}   (it is {a + b})")

# %% [markdown]
# The checker looks at the answer, so a right answer by wrong steps passes it. Here there are few: with so many possible
# answers luck is rare. With multiple choice, or yes and no, it is not.
#
# ### Who learns it
#
# Recorded: five kinds of text for the same 600 problems, three seeds, each arm at the rate that is best for it on other
# problems. The students have one layer and never see four digits.
#
# - **answers**, **written out**: faultless, as above;
# - **four samples, checked**: of four texts of the teacher for each problem those that the checker keeps;
# - **four samples, unchecked**: the control. As many of these texts, but nobody looked;
# - **checked, shortened**: the checked ones, in which only the sums were left.
#
# > **Predict.** Is the checker worth it? What is the gap that it leaves open to *written out*? And who can add four digits?

# %%
looks = {
    "answers": "bare", "written out": "teacher", "four samples, unchecked": "control", "four samples, checked": "long",
    "checked, shortened": "short",
}  # fmt: skip


def exact_share(arm, digits):
    """The share of new problems with so many digits that is exactly right, for each seed."""
    return [row["exact"][str(digits)] for row in recorded["addition"] if row["arm"] == arm]


for ours, theirs in (
    ("written out", "answers"), ("four samples, checked", "four samples, unchecked"),
    ("written out", "four samples, checked"), ("checked, shortened", "four samples, checked"),
):  # fmt: skip
    each = [a - b for a, b in zip(exact_share(ours, 3), exact_share(theirs, 3), strict=True)]
    mean, half = intervals.t_interval(each)
    verdict = "ahead" if mean > half else "behind" if mean < -half else "no difference to be seen"
    print(f"3 digits, {ours} against {theirs}: {100 * mean:+.0f} ± {100 * half:.0f} in 100: {verdict}")
plots.arms_side_by_side(
    {f"{digits} digits": {arm: (color, exact_share(arm, digits)) for arm, color in looks.items()} for digits in (2, 3, 4)},
    percent=True, limits=(-0.03, 1.03),
)  # fmt: skip

# %% [markdown]
# - **Answers alone are not learned** from 600 problems, the long way is: 94 of 100 new problems with three digits.
# - **The checker is worth 16 in 100**, from the same teacher, for nothing but a look at the answers. The control has as many
#   texts.
# - **The gap to the textbook** is 14 in 100 on average, but three seeds do not settle it. If it is one: 42 of the 600 problems
#   the teacher never got right in four tries, so the checker's texts have only easier ones.
# - **Short ways** are half as many tokens (9 against 20). They seem to cost something, but that is within what seeds differ by. Tell a student
#   to be brief only after measuring what it loses.
# - **Nobody can add four digits.** Not one of 300, whatever it learned from. The student has learned where the digits of *these*
#   lengths stand, not what adding is: its positions are a table (lesson 12), and four digits stand where no training text had
#   any. A correct method that is written out need not be a general one.
#
# **DeepSeek-R1** (2025) did this at large: a reasoning model wrote about 800 000 texts, those on reasoning kept by checks and
# rules, and smaller open models learned them by plain next-token training. No probabilities, no reinforcement learning for the
# students. The idea of writing the steps out is older (Nye et al. 2021, *scratchpads*).
#
# ## 4 · A small one drafts, the large one decides
#
# A large model writes slowly, since it reads all its weights for each token. But *reading* ten tokens takes hardly longer
# than reading one. **Speculative decoding** (Leviathan et al. 2023, Chen et al. 2023) makes use of that. A small **drafter**
# writes a few tokens ahead. The large model reads them all in one pass, and says at each place what it would have said.
# What it can accept stays; at the first token that it cannot, it puts one of its own.
#
# The rule for accepting is the clever part. With $p$ the teacher's and $q$ the drafter's distribution:
#
# - a drafted token $v$ stays with probability $\min(1, p(v)/q(v))$;
# - if it does not, draw from what is left of $p$: $\max(0, p - q)$, made to sum to 1.
#
# ### ✎ Exercise 14.6 · How often it is kept  (6 minutes, medium)


# %%
def acceptance(p, q):
    """The chance that what the drafter (q) draws is accepted by the teacher (p): probabilities (N, V) twice -> (N,)."""
    ...


lesson.acceptance.check(acceptance)
# lesson.acceptance.hint()
# lesson.acceptance.solution()

# %% [markdown]
# Does the text stay the teacher's? Follow one token. It comes out as $v$ if $v$ was drafted and stayed, or if anything was
# refused and $v$ was drawn from the rest. The two chances must sum to $p(v)$.
#
# Train a drafter: the student of lesson 12, a few seconds, forward KL. The cell adds up the two chances at 500 places of
# held-out text. The figure shows one of these places.
#
# > **Predict.** What share of its drafts will be accepted there?

# %%
drafter = models.LanguageModel(39, width=48, heads=4, layers=1, context=128, std=0.08, seed=0)
plan = training.Recipe(temperature=1, alpha=0, steps=200, batch_size=8, learning_rate=0.01)
training.drain(language.train_language_model(drafter, few, few_logits, recipe=plan, length=128))
with torch.no_grad():
    p, q = (language.predict_text(model, validation[:500]).softmax(-1) for model in (teacher, drafter))
stays = torch.minimum(p, q)  # q · min(1, p/q)
refused = 1 - stays.sum(-1, keepdim=True)
comes_out = stays + refused * drafting.remainder(p, q)
assert (comes_out - p).abs().max() < 1e-5
print("what comes out has the teacher's distribution, to within rounding, whoever drafts: ok")
here = p[59].argsort(descending=True)[:14]
plots.overlap(p[59, here].numpy(), q[59, here].numpy(), [tokenizer.vocabulary[i] for i in here])

# %% [markdown]
# Not nearly: exactly. A poor drafter costs time, never quality. And acceptance has a name that you know: $\sum_v
# \min(p, q)$ is 1 minus the **total variation**, half the sum of all $|p - q|$.
#
# Watch it. Blue characters were drafted and kept, struck-out ones were not kept, framed ones are the teacher's own.
#
# > **Goal 1.** How many characters ahead give the most characters for each pass of the teacher? And how many are drafted in
# > vain then?
#
# > **Goal 2.** Choose the untrained drafter. What happens to the text?

# %%
untrained = models.LanguageModel(39, width=48, heads=4, layers=1, context=128, std=0.08, seed=1)
draft_panel = widgets.DraftPanel(
    teacher, {"forward KL, 200 steps": drafter, "untrained": untrained}, tokenizer=tokenizer, ahead=4
)
draft_panel.show_and_run()
written = len(draft_panel.text) - len(draft_panel.prompt)
assert written / len(draft_panel.rounds) > 1.3
print("more than 1.3 characters for each pass of the teacher: ok")

# %% [markdown]
# ### What to train a drafter with
#
# It need not write well by itself, it should be *accepted*. So why not train it with the total variation itself
# (`losses.total_variation_loss`)? Recorded: four losses from the same initial weights, 200 steps, three seeds, the best rate
# for each by acceptance on other text that the teacher wrote.
#
# > **Predict.** Which loss wins: labels, forward KL, reverse KL, or total variation?

# %%
losses_used = {"labels": "given", "forward KL": "own", "reverse KL": "short", "total variation": "long"}
ahead = [1, 2, 4, 8]
curves, formula = {}, {}
for arm in losses_used:
    rows = [row for row in recorded["drafting"] if row["arm"] == arm]
    curves[arm] = (losses_used[arm], ahead, [[row["passes"][str(k)] for row in rows] for k in ahead])
    a = sum(row["acceptance"] for row in rows) / len(rows)
    formula[arm] = [(1 - a) / (1 - a ** (k + 1)) for k in ahead]
plots.drafters(
    {
        title: {arm: (color, values("drafting", arm, key).tolist()) for arm, color in losses_used.items()}
        for title, key in (("accepted", "acceptance"), ("KL(teacher || drafter), bits", "bits"))
    },
    curves, formula,
)  # fmt: skip

# %% [markdown]
# - **Total variation wins**, by 2 in 100 against forward KL, and forward KL by 1 against labels, on every seed. Reverse KL is a
#   little behind forward KL. These are small differences. What is measured is what should be trained, as so often.
# - And the same drafter has the *worst* KL. It gives up on what it could not cover anyway. As a model of the language it is
#   the poorest of the four, as a drafter the best.
# - **Passes.** One character ahead saves a third of them, four ahead nearly half. Then it levels off: if each character stays
#   with probability $a$, a pass gives $(1 - a^{k+1})/(1 - a)$ characters for $k$ ahead, at most $1/(1 - a)$. That is the formula
#   (dashes), for equally hard places. (The curves are from six texts of 100 characters, and do not tell the drafters apart.)
#
# Passes are not seconds.
#
# > **Predict.** What does the clock say here, with a drafter of a thirtieth of the teacher's weights?

# %% tags=["nbval-ignore-output"]
prompt = torch.from_numpy(tokenizer.encode("the white whale "))
began = time.perf_counter()
generation.generate(teacher, prompt[None], 100)
alone = time.perf_counter() - began
began = time.perf_counter()
rounds = list(drafting.write(teacher, drafter, prompt, 100, ahead=4))
together = time.perf_counter() - began
print(f"100 characters: the teacher alone {alone:.2f} s, with the drafter {together:.2f} s in {len(rounds)} passes")

# %% [markdown]
# Most likely nothing is gained. Models as small as ours spend their time on calling functions, and a call of the drafter costs
# a good part of one of the teacher. With billions of weights, for which fetching the weights is nearly all the time, a drafter
# is almost free. Zhou et al. (2024) report 10 to 45 % from distilling the drafter first.
#
# ## 5 · When the pieces differ
#
# All of this needs a teacher and a student with the *same* tokens. Often they have not: the best teacher is of another
# family, with another vocabulary. What can be done?
#
# - **Text only.** Text has no tokens. It always works, and carries one draw instead of a distribution.
# - **Sort.** Universal logit distillation (ULD, Boizard et al. 2024) sorts both distributions and compares the largest with
#   the largest, the second with the second.
# - **Reckon.** If the teacher's tokens are *characters*, it has said everything about longer pieces, too: the probability that
#   the text goes on with `the` is that of `t`, times that of `h` after `t`, times that of `e` after `th`.
#
# ### ✎ Exercise 14.7 · A piece is its characters  (10 minutes, hard)
#
# `log_p` has a row for each character of a text: the teacher's log-probabilities where this character came.


# %%
def piece_log_p(log_p, ids, lengths):
    """log-probability of each piece (K,) of a text: the characters' log_p (M, V), their ids (M,), lengths (K,) sum to M."""
    ...


lesson.piece_log_p.check(piece_log_p)
# lesson.piece_log_p.hint()
# lesson.piece_log_p.solution()

# %% [markdown]
# Here is a student's tokenizer with 39 characters and 60 longer pieces. It takes the longest that fits.
#
# > **Predict.** The teacher is asked after `the whit`. Which pieces are likely now? And do the products, over all 99 pieces,
# > sum to 1?
#
# And take a student that has all probabilities right, and all *names* wrong: what the teacher thinks of `e` it thinks of `q`.
#
# > **Predict.** What do KL and ULD say to it?
#
# Then the test, *recorded*: a student of these pieces (one layer, width 48) learns 10 000 characters of Moby-Dick from lesson
# 12's teacher, 300 steps, in each of the three ways. Five seeds; for each arm its best learning rate, and for the sorted
# ones the best of four weights beside the cross-entropy of the text. Measured are bits for each *character* of the test
# chapters: log-probabilities of pieces, divided by characters, are a unit in which any tokenizers compare.
#
# > **Predict.** Order them. Is one of them worth as much as ten times the text?

# %%
tokens = pieces.LongestPieceTokenizer.train(book.train[:100_000], 60)
print("|".join(tokens.pieces("the white whale and the other whales")))
before = torch.from_numpy(tokenizer.encode("and there was a great whit"))[None]
p = pieces.piece_probabilities(teacher, before, tokenizer, tokens)[0]
with torch.no_grad():
    first = teacher(before)[0, -1].softmax(-1)
starts_with_e = torch.tensor([piece[0] == "e" for piece in tokens.vocabulary])
e = tokenizer.vocabulary.index("e")
assert abs(p.sum() - 1) < 1e-4 and abs(p[starts_with_e].sum() - first[e]) < 1e-4
print("all pieces sum to 1, and those that begin with e to the teacher's probability of e: ok")
print("    likeliest:", [tokens.vocabulary[n] for n in p.argsort(descending=True)[:5].tolist()])
before = torch.from_numpy(tokenizer.encode("and there was a great th"))[None]
out = tokens.ruled_out(["a", "t ", "th"])
q = pieces.piece_probabilities(teacher, before, tokenizer, tokens, out)[0]
assert out == {"e"} and q[starts_with_e].sum() == 0 and abs(q.sum() - 1) < 1e-4
print("after the piece th nothing that begins with e: it would have been the piece the: ok")
with torch.no_grad():
    said_by_teacher = teacher(validation[None, :100])[0]
wrong_names = said_by_teacher.roll(1, -1)
kl, uld = losses.kl_divergence(wrong_names, said_by_teacher), pieces.sorted_distance(wrong_names, said_by_teacher)
assert kl > 2 and uld < 1e-5
print("KL: more than 2 nats from its teacher. ULD: no difference at all: ok")

# %%
for ours, theirs in (
    ("sorted, characters", "text only"), ("sorted, pieces", "text only"), ("exact", "text only"),
    ("exact", "text only, ten times as much"), ("exact, nothing ruled out", "exact"),
):  # fmt: skip
    mean, half = difference("pieces", ours, theirs, "test")
    verdict = "better" if mean < -half else "worse" if mean > half else "no difference to be seen"
    print(f"{ours} against {theirs}: {mean:+.3f} ± {half:.3f} bits a character: {verdict}")
    assert verdict == "better" if ours == "exact" else mean > 0
arms = {
    "text only": "given", "text only, ten times as much": "given", "sorted, characters": "bare", "sorted, pieces": "control",
    "exact, nothing ruled out": "control", "exact": "own",
}  # fmt: skip
plots.arms_side_by_side(
    {"bits per character, test chapters": {arm: (arms[arm], values("pieces", arm, "test").tolist()) for arm in arms}}
)

# %% [markdown]
# The products alone sum to more than 1: a text that goes on with `e ` goes on with `e`, too. The tokenizer would take the
# longer piece, so what the longer ones have is taken away from the shorter. And after `th` no `e` can come, though the teacher
# thinks it likely: then the piece would have been `the`. So what would have made one of the last pieces longer is ruled out,
# and the rest shares the probability. (`pieces.piece_probabilities`; tests go through all continuations of a small
# vocabulary.)
#
# - **Reckoned, the teacher is worth a lot**: a third of a bit for each character, with every seed, and more than ten times as
#   much text is. It took the teacher 83 s, once, to be asked about 6755 places, a few characters on at each.
# - **What can follow** is part of the reckoning. On average 13 in 100 of the teacher's probability lies on pieces that cannot
#   come. A student that is told so nevertheless (*nothing ruled out*) scatters widely, and is just told to be worse.
# - **Sorted, it is worth nothing here**, rather a little less than nothing. The best of the weights was the smallest, 0.1, and
#   the larger the worse; weight 0 is the text alone. It is not because the teacher's tokens are other ones: its exact
#   probabilities of *pieces*, sorted (*sorted, pieces*), help no more. The names were the lesson.
#
# ULD teaches how *sure* to be, never of what. Its authors fine-tune large students, which know the language already; ours
# starts from nothing. Their teachers' tokens are pieces, too, so that nothing can simply be multiplied. One way there is to
# go down to bytes, which all tokenizers have in common (*byte-level distillation*, 2026, in the references).
#
# ## 6 · What laboratories report
#
# Figures from papers and reports, none of them measured here. Each compares what its authors chose to compare.
#
# | who | what they did | what they report |
# |---|---|---|
# | DeepSeek-AI 2025 (R1) | about 800 000 texts, 600 000 of them reasoning, sampled from a reasoning model and kept if they passed checks; six open models fine-tuned on these texts alone, without probabilities and without reinforcement learning | the student of 7 billion weights solves 55.5 % of AIME 2024, a mathematics contest for schools (Table 5 of version 1); for a base of 32 billion, learning from the texts is better than reinforcement learning of its own (Table 6) |
# | Qwen team 2025 (Qwen3) | small models learn from large ones: first on the teachers' texts, then on their own, with the teachers' logits | for 8 billion weights own text reaches 74.4 % on AIME 2024 in 1800 GPU hours, reinforcement learning 67.6 % in 17 920 (Table 21) |
# | Gemma team 2024 (Gemma 2) | the models of 2 and 9 billion weights learn from a larger one's probabilities in *pretraining*, instead of from the next token | “the best performance for their size” (from the abstract) |
# | Thinking Machines 2025 | on-policy distillation with reverse KL at each token | the Qwen team's finding again, with their models; 9 to 30 times less computation for the same score, depending on what is counted |
# | Zhou et al. 2024 (DistillSpec) | drafters distilled on their own text before they draft | 10 to 45 % faster than with drafters that were not |
#
# What of this can a laptop show? The *mechanisms*: what is not visited is not learned; noise that a baseline takes away; that
# a checker pays for itself; that drafts change nothing. What it cannot show is how large the effects are there. Our grid is a
# task in which one wrong step spoils all, and whose teacher never errs. That is the best case for own steps. In section 2 a
# text that is a little odd is still a text, and the effect is small.
#
# ## Quiz

# %%
lesson.quiz

# %% [markdown]
# ## Summary
#
# - A student learns what to do where it has been taught. Where one slip leads to places that no given text shows, let it go
#   there, and ask the teacher. On our grid that took arrivals from six in ten to nine, with either direction of the KL.
# - With unlimited given walks a seventh of that is left. On-policy distillation is for scarce text, and for text of another kind
#   than the student's own.
# - The reverse KL of whole texts has a policy gradient in it. A baseline that leaves the text itself out takes noise away, and
#   no truth. Pushed hard, it makes a student that pleases its teacher by saying few, safe things.
# - Own text costs a teacher in every step. Tell costs with everything in.
# - Written-out steps are learned from a few hundred examples, answers alone are not. A checker is worth it; it sees answers,
#   not steps. Nobody learned more digits than it was shown.
# - A drafter speeds the teacher up without changing its text. Accepted is 1 minus the total variation.
# - If the teacher knows characters, it knows pieces: worked out, that took a third of a bit off each character. Sorting
#   probabilities forgets their names, and gained nothing.
#
# **Left out.** Reinforcement learning with the checker's verdict as the reward (GRPO and its kin): the policy gradient of
# section 2 with another gain. MiniLLM's length normalisation and teacher-mixed sampling. Drafts as trees, drafters that read
# the teacher's hidden states (Medusa, EAGLE), and text that *nearly* keeps to the teacher. How pieces of different tokenizers
# are aligned where both are long.
#
# **References**
#
# - R. Agarwal et al.: *On-Policy Distillation of Language Models: Learning from Self-Generated Mistakes* (GKD), ICLR 2024,
#   arXiv 2306.13649.
# - Y. Gu, L. Dong, F. Wei, M. Huang: *MiniLLM: Knowledge Distillation of Large Language Models*, ICLR 2024, arXiv
#   2306.08543.
# - S. Ross, G. Gordon, J. A. Bagnell: *A Reduction of Imitation Learning and Structured Prediction to No-Regret Online
#   Learning* (DAgger), AISTATS 2011: ask the expert where the learner has been.
# - M. Ranzato, S. Chopra, M. Auli, W. Zaremba: *Sequence Level Training with Recurrent Neural Networks*, ICLR 2016.
# - W. Kool, H. van Hoof, M. Welling: *Buy 4 REINFORCE Samples, Get a Baseline for Free!*, ICLR 2019 workshop: leave one out.
# - DeepSeek-AI: *DeepSeek-R1: Incentivizing Reasoning Capability in LLMs via Reinforcement Learning*, 2025, arXiv 2501.12948.
# - Qwen Team: *Qwen3 Technical Report*, 2025, arXiv 2505.09388. Gemma Team: *Gemma 2*, 2024, arXiv 2408.00118.
# - K. Lu, Thinking Machines Lab: *On-Policy Distillation*, October 2025, thinkingmachines.ai/blog/on-policy-distillation.
# - Y. Leviathan, M. Kalman, Y. Matias: *Fast Inference from Transformers via Speculative Decoding*, ICML 2023, arXiv
#   2211.17192. C. Chen et al.: *Accelerating Large Language Model Decoding with Speculative Sampling*, 2023, arXiv 2302.01318.
# - Y. Zhou et al.: *DistillSpec: Improving Speculative Decoding via Knowledge Distillation*, ICLR 2024, arXiv 2310.08461.
# - N. Boizard et al.: *Towards Cross-Tokenizer Distillation: the Universal Logit Distillation Loss for LLMs*, 2024, arXiv
#   2402.12030. *Cross-Tokenizer LLM Distillation through a Byte-Level Interface*, 2026, arXiv 2604.07466.
# - M. Nye et al.: *Show Your Work: Scratchpads for Intermediate Computation with Language Models*, 2021, arXiv 2112.00114.
