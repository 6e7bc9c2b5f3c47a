# %% [markdown]
# # 13 · Distilling an LLM
#
# *A real language model writes; a student a hundred times smaller reads it for less than a minute, and begins
# to write English.*
#
# | | |
# |---|---|
# | **Time** | 100 minutes alone, 60 in class (skip exercises 13.2, 13.5 and 13.6) |
# | **Builds on** | [04 · A student that learns while you watch](04_mlp_distillation.ipynb) and [12 · Language models](12_language_models.ipynb) |
#
# **After this lesson you can**
#
# - make a transfer set with a language model: prompts, filters, a vocabulary cut to size, cached probabilities,
# - say what a sampled text and a cached distribution have in common, and what it costs to confuse their temperatures,
# - train a small language model in three ways, and compare them by more than one number,
# - look for contamination, and test texts blind,
# - say what the same thing costs with seven billion weights.

# %%
import copy
import random
import re
from collections import Counter
from itertools import islice

import numpy as np
import torch

import kdlab
from kdlab import data, language, losses, metrics, models, plots, teachers, training, widgets
from kdlab.exercises import distilling_an_llm as lesson
from kdlab.generation import answer, generate
from kdlab.intervals import t_interval
from kdlab.text import BytePairTokenizer
from kdlab.token_caches import TokenCache

kdlab.setup()
written = data.load_transfer_set()
recorded = data.load_results("distilling_an_llm")

# %% [markdown]
# ## 1 · A teacher that can write
#
# **SmolLM2-135M-Instruct** (Allal et al. 2025) is a language model of 135 million weights, trained on two trillion
# tokens, here in a copy with 4 bits for each weight. That is small for its kind, and large for a laptop.
# `benchmarks/make_transfer_set.py` gave it this instruction,
#
# > *You write for small children. Use simple words and short sentences. Answer in one short paragraph.*
#
# and some sixteen hundred prompts. The answers are in `data/`, so you need not install it. Here are three:

# %%
for number in (3, 60, 90):
    print("PROMPT:", written.test.prompts[number], "\n", written.test.texts[number], sep="", end="\n\n")

# %% [markdown]
# Fluent, and a little mad. It has a fine ear for how a children's story *sounds*, and keeps forgetting what it is
# about. That is our teacher: a student can hardly learn more than that from it.
#
# If you have installed the extra (“the real teachers” in `README.md`), the next cell asks the model itself. Without it, the
# cell says so, and nothing else changes.

# %% tags=["nbval-ignore-output"]
try:
    real_pieces, real_teacher = teachers.load_pretrained_language_model()
except teachers.MissingExtra as missing:
    real_teacher = None
    print(missing)
else:
    chat = [{"role": "user", "content": "Tell a short story about a frog who wants to fly."}]
    asked = real_pieces.apply_chat_template(chat, add_generation_prompt=True, return_tensors="pt", return_dict=True)
    reply = real_teacher.generate(**asked, max_new_tokens=50, do_sample=False)
    print(real_pieces.decode(reply[0, asked["input_ids"].shape[1] :], skip_special_tokens=True))

# %% [markdown]
# ### What the teacher said, and what it might have said
#
# A language model does not say a word, it gives a probability to each token of its vocabulary. One of them is drawn,
# and the text goes on from there. The script kept more than the text: for each place the eight likeliest tokens and
# their probabilities, a byte each.
#
# > **Predict.** *“The day was filled with the sweet scent of the lake …”* How sure will the teacher be of the next
# > token? And over all places: how much of the probability do the eight likeliest of 49 152 tokens hold?


# %%
tokenizer = BytePairTokenizer(written.vocabulary, written.merges)
test = written.test


def beginning(answer, tokens):
    """The place in the stream after so many tokens of an answer."""
    first = test.starts[answer] + len(tokenizer.encode(test.prompts[answer]))  # the place of <|im_start|>
    return first + tokens


place = beginning(3, 11)
drawn = tokenizer.vocabulary[test.tokens[place + 1]]
likeliest = [tokenizer.vocabulary[i] for i in test.top_ids[place]]
print(f"drawn: “{drawn}”, number {likeliest.index(drawn) + 1} of the eight")
kept = test.top_probabilities[test.counts].sum(1)
assert 0.90 < kept.mean() < 0.96
print(
    f"the eight hold {kept.mean():.0%} on average over all places, in a tenth of them below {np.quantile(kept, 0.1):.0%}"
)
plots.next_tokens(
    tokenizer.decode(test.tokens[beginning(3, 0) : place + 1]), likeliest, {"teacher": test.top_probabilities[place]}
)

# %% [markdown]
# One thing about these numbers matters for all that follows. The script sampled at temperature 0.7: cooler than 1, so
# that the text keeps to the point. And the probabilities that it kept are of *that* distribution, $\mathrm{softmax}(z /
# 0.7)$. So **the text is the distribution, drawn once**: with $p$ the teacher's distribution and $y$ the token drawn,
#
# $$\mathbb{E}_{y \sim p}\left[-\log q(y)\right] = -\sum_v p(v) \log q(v)$$
#
# On average over draws, a student that learns the text gets the same push as one that learns the whole distribution
# (lesson 12). The one hears a single draw, with all its luck, the other hears what it was drawn from. Had we kept the
# probabilities at $T = 1$, the two would be taught *different teachers*, and a comparison would not know whether it
# measures the softness or the temperature.
#
# Eight of 49 152 tokens is not everything: 93 % of the probability, in 24 bytes instead of 98 304. The remaining 7 % go
# into one more class, “something else” (`losses.top_k_divergence`, lesson 12). The student is told how much is left for
# it, and nothing about how it is shared.
#
# ## 2 · Pieces of words
#
# A vocabulary of words is never large enough, one of characters makes long texts. Language models read something in
# between: **pieces**, made by joining the most frequent neighbours, again and again (*byte-pair encoding*).

# %%
for example in ("The little fox was happy.", "The extraordinary zebra hiccuped."):
    print(" | ".join(tokenizer.vocabulary[i] for i in tokenizer.encode(example)))
print(tokenizer.decode(tokenizer.encode("“Café”, said the 🐸.")))
print(len(tokenizer), "pieces; some of them:", tokenizer.vocabulary[1200:1210])

# %% [markdown]
# A space belongs to the piece behind it (unless the vocabulary has no such piece). What is frequent is one piece,
# what is rare falls apart, and no English word is unknown. What is not ASCII our tokenizer reads as the **nearest
# sign**: “ as ", é as e, an emoji as a question mark. (The teacher's own falls back on *bytes*: it has a piece for each
# of the 256, and loses nothing. Ours went with all else that no answer here uses.)
#
# > **Predict.** The teacher's vocabulary has 49 152 pieces. A student of width 192 keeps a vector for each. How many
# > weights is that, and how many has the rest of a student of two layers? If we kept only the thousand most frequent
# > pieces: what share of all tokens would they cover, and what share of the *answers* could be written with nothing
# > else?


# %%
train = written.train
raw = recorded["vocabulary"][0]
shares = {"tokens covered": raw["tokens_covered"], "answers without a single gap": raw["whole_answers"]}
rest = metrics.count_parameters(models.LanguageModel(1, width=192, heads=6, layers=2, context=160))
for count in (49_152, len(tokenizer)):
    print(f"vectors for {count} pieces: {count * 192 / 1e6:.1f} million weights, the rest: {rest / 1e6:.1f} million")
plots.vocabulary_sizes(raw["sizes"], shares, len(tokenizer))

# %% [markdown]
# <details><summary>What happened</summary>
#
# The whole table would be ten times as large as the network, nearly all of it for pieces that stories for small
# children never use. And each step would compute 49 152 logits for each place.
# </details>
#
# So the vocabulary is **trimmed**, to 2110 pieces.
#
# Look at the other curve, too. (Both were counted before anything was trimmed: 4718 different pieces in the answers
# to train on.) *A* rare piece is rare, *some* rare piece is in almost every text: even 2110 pieces leave a gap in 85
# of 100 answers. So it would not do to throw away all texts with gaps. The script kept every piece that three
# training answers use, each character, and the pieces of all prompts. A rarer word is spelled with smaller pieces
# that *are* there: three tokens in a hundred. But the teacher's probabilities are about its own next piece. Where
# ours is another one, nothing counts: those places are `False` in `counts`, as the prompts are. (So the test is a
# little easier than the teacher's raw text, and the student learns a distribution that differs a little from what the
# text is a sample of: at the places that count, 1.5 % of the probability was on pieces that went.)
#
# What becomes of the probabilities of pieces that went? In the script their share joins “something else”. The other
# way is to share it out among those that stay:
#
# ### ✎ Exercise 13.1 · A smaller vocabulary  (6 minutes, easy)


# %%
def trim(probabilities, kept):
    """(what is left of each distribution (L, V) on the ids `kept` (K,), summing to 1 again; how much of it went (L,))."""
    ...


lesson.trim.check(trim)
# lesson.trim.hint()
# lesson.trim.solution()

# %% [markdown]
# <details><summary>My rows sum to 1, but they are nearly flat</summary>
#
# Softmax wants logits. The softmax of numbers between 0 and 1 is almost uniform, whatever they are.
# </details>
#
# ### A trap: the teacher cannot spell
#
# Most people store the *texts*, and encode them again for training. The tokenizer always cuts a text in the same way.
#
# > **Predict.** But the teacher does not have to! It draws one piece after another. In how many of a hundred answers
# > does it write a word with other pieces than its tokenizer would?


# %%
def as_written(part, number):
    """The ids of an answer as the teacher wrote them and as the tokenizer encodes its text; None if we respelled one."""
    start = part.starts[number] + len(tokenizer.encode(part.prompts[number]))  # the place of <|im_start|>
    own = part.tokens[start + 1 : part.starts[number + 1]]
    own = own[own > 2]
    return (own, tokenizer.encode(part.texts[number])) if part.counts[start : start + len(own)].all() else None


pairs = [pair for number in range(len(train)) if (pair := as_written(train, number))]
for ours, theirs in (pair for pair in pairs if not np.array_equal(*pair)):
    at = next(i for i, (a, b) in enumerate(zip(ours, theirs, strict=False)) if a != b)
    print("written", [tokenizer.vocabulary[i] for i in ours[at : at + 3]])
    print("encoded", [tokenizer.vocabulary[i] for i in theirs[at : at + 3]])

# %% [markdown]
# <details><summary>What happened</summary>
#
# Six in a hundred: 94 of the 1600. (The cell shows those among the training answers that need no respelling of ours.)
# </details>
#
# From the first such word on, every cached distribution would stand beside the wrong token. No error, no warning,
# just a worse student. The cure is dull: **keep the ids that the teacher wrote.** Ids can be turned into text at any
# time; the way back is not safe.
#
# ## 3 · What to ask
#
# The teacher could write about anything, so what it is asked decides what the student will know. One good prompt, asked
# 1600 times, gives 1600 stories about the same dog. Ours are put together from lists:
#
# *Tell a short story about a **brave dog** and a **boat**.* · 4 openings × 16 looks × 21 animals × 20 things
#
# (The lists know no grammar: the teacher was asked about “a elephant”, too.)
#
# *Tell me a story about **Lily** who **plants a seed**.* · *Say in simple words **why it rains**.* · *Describe a day
# **at the lake** with a **goat**.*
#
# The instruction (“You write for small children …”) stood before every prompt, and the student never sees it. It learns
# to do always what its teacher did when told to. That is called **context distillation**: a long instruction, paid for
# with every question, becomes a habit.
#
# > **Predict.** Different prompts, but do they give different texts? What share of all answers begins with the same
# > three words?

# %%
openings = Counter(" ".join(answer.split()[:3]) for answer in train.texts)
most, count = openings.most_common(1)[0]
print(f"“{most} …”: {100 * count / len(train):.0f} % of the answers")
print("next:", [words for words, _ in openings.most_common(6)[1:]])
names = Counter(re.findall(r"\bnamed (\w+)", " ".join(train.texts)))
print("somebody is named:", dict(names.most_common(6)))

# %% [markdown]
# The teacher has habits, and the student will have them, too: distillation hands on the narrowness with the knowledge.
# Whoever needs variety has to ask for it, or sample warmer, and measure what came out.
#
# ## 4 · What to throw away
#
# A teacher of this size goes astray. The commonest way: *“He was very happy. He was very happy. He was very happy. He
# was …”*, until the limit. A student that reads much of this learns to do it. How does one find such texts without
# reading sixteen hundred of them?
#
# ### ✎ Exercise 13.2 · He was very happy. He was very happy  (8 minutes, medium)


# %%
def repeated_share(tokens, n):
    """The share of a text's n-grams, runs of n tokens, that stood in it before; 0 for a text too short to have one."""
    ...


lesson.repeated_share.check(repeated_share)
# lesson.repeated_share.hint()
# lesson.repeated_share.solution()

# %% [markdown]
# <details><summary>Every text gets a large share</summary>
#
# With n = 1 each second “the” is a repetition. From n = 4 on, ordinary language hardly repeats itself.
# </details>
#
# Here is what each filter took away, in the order in which they ran:
#
# - letters that are not ASCII: now and then the teacher slips into another alphabet;
# - fewer than 20 tokens. (Nine answers in ten reached the limit of 128 tokens; they were first cut after their last
#   whole sentence. That such a text ends there is our word, not the teacher's, so the end does not count.)
# - more than 15 % of the 4-grams are repetitions;
# - more than half of the 8-grams stand in an earlier answer, of any split: a copy;
# - more than one token in ten is outside the vocabulary.

# %%
counts = Counter(out["why"] for out in written.left_out)
total = sum(map(len, written[:3]))
assert 0.75 < total / (total + sum(counts.values())) < 0.98
loops = [out["text"] for out in written.left_out if out["why"] == "repetitive"]
print("…", max(loops, key=lambda text: text.count("very happy"))[230:420], "…")
order = ["not ASCII", "too short", "repetitive", "copies", "rare words"]
plots.left_out({why: counts[why] for why in order}, total)

# %% [markdown]
# Each filter is a decision about what the student will become, so its count belongs into the record, and what it took
# into a file that one can read (`written.left_out`). Read some. You will find good texts among them: a filter is a
# blunt tool.
#
# ## 5 · Whose text is it?
#
# Before you train on what somebody's model wrote, read what you may do with it.
#
# | question | here |
# |---|---|
# | Under which licence are the **weights**? | Apache 2.0: use, change and share, keep the notice. `data/README.md` has it. |
# | What do the **terms of service** say? | No provider's apply: it ran on our own machine. Providers of hosted models often forbid training *competing models* on their outputs. And some licences of weights have rules for outputs, too: read them. |
# | What of the **teacher's training data**? | A model may repeat texts that it has read, names and errors included, and it may itself have learned from other models. What it passes on, you pass on. |
# | What do you owe your **readers**? | That texts are machine-written, by which model and version, how sampled and filtered. |
#
# This is no legal advice. But “the model wrote it” answers none of the four.
#
# ## 6 · A test that is one
#
# The student will be judged on answers to prompts that it has not seen. What does “not seen” mean, when prompts are put
# together from lists?
#
# > **Predict.** Shuffle all prompts, put one in ten aside for testing. No prompt stands in both piles. For how many
# > of a hundred test prompts does the training pile have the *same question in other words*?


# %%
def subject(prompt):
    """What a prompt asks for, without its opening: “a brave dog and a boat”."""
    return re.split(r" about (?!a day)| day | child | words |understand ", prompt.strip("."))[-1]


def twins(tested, trained):
    """The share of prompts with a training prompt on the very same subject."""
    known = {subject(prompt) for prompt in trained}
    return np.mean([subject(prompt) in known for prompt in tested])


prompts = [prompt for part in written[:3] for prompt in part.prompts]
shuffled = random.Random(0).sample(prompts, len(prompts))
tenth = len(prompts) // 10
print(f"split at random: {100 * twins(shuffled[:tenth], shuffled[tenth:]):.0f} in a hundred")
assert twins(written.test.prompts, train.prompts) == 0
print("split by subject, as the script does it: none")

# %% [markdown]
# So the transfer set is split **by subject**: all ways to ask why it rains are in one pile. That is checked, not hoped.
#
# Answers can leak as well. The teacher knows few stories, and may tell the same one to two prompts. An n-gram
# that is long enough does not come twice by chance; eight tokens is a common choice.
#
# ### ✎ Exercise 13.3 · Has it been seen before?  (8 minutes, medium)


# %%
def overlap(tokens, others, n):
    """The share of the n-grams of a text, each place counted, that stand in any of the other texts; 0 if it has none."""
    ...


lesson.overlap.check(overlap)
# lesson.overlap.hint()
# lesson.overlap.solution()


# %% [markdown]
# > **Predict.** For a typical test answer: what share of its 8-grams stands in the training answers?


# %%
def grams(text, n=8):
    ids = tokenizer.encode(text).tolist()
    return [tuple(ids[i : i + n]) for i in range(len(ids) - n + 1)]


seen = {gram for answer in train.texts for gram in grams(answer)}
shares = [np.mean([gram in seen for gram in grams(answer)]) for answer in test.texts]
assert np.median(shares) < 0.05 and max(shares) < 0.3
plots.overlaps({"test answers": shares})

# %% [markdown]
# <details><summary>What happened</summary>
#
# Hardly any. Half of the answers share a single 8-gram with the training answers, or none (“Once upon a time, there
# was a little …”).
# </details>
#
# A contaminated test would show a heap on the right. But n-grams see copies only: a story that is
# *retold* in other words stays unseen.
#
# What stays: the test has new *combinations* of looks, animals and things, no new animals. A student that does well
# on it can write this kind of story, nothing more. And what the *teacher* read in its two trillion tokens we cannot
# check at all.
#
# ## 7 · Three ways to train
#
# The student is the `LanguageModel` of lesson 12, with pieces instead of characters: two layers, width 192. It reads
# prompt, `<|im_start|>`, answer, `<|im_end|>`, the next prompt, and so on, in windows of 160 tokens.

# %%
START, END = 1, 2


def tensors(part, count=None):
    """Ids (M,), cached probabilities of M places, and which of them count, for so many answers, evenly chosen."""
    chosen = np.linspace(0, len(part) - 1, count or len(part)).astype(int)
    places = np.concatenate([np.arange(part.starts[n], part.starts[n + 1]) for n in chosen])
    arrays = (part.tokens, part.top_ids, part.top_probabilities, part.counts)
    ids, top_ids, top, counts = (torch.from_numpy(array[places]) for array in arrays)
    return ids, TokenCache(top_ids, top), counts


ids, cache, counting = tensors(train)
validation_ids, _, validation_counts = tensors(written.validation, 24)


def new_student(seed=0):
    return models.LanguageModel(len(tokenizer), width=192, heads=6, layers=2, context=160, std=0.06, seed=seed)


def ask(student, prompt, seed=0, length=70, temperature=0.6):
    """What a student writes to a prompt."""
    asked = torch.tensor([[*tokenizer.encode(prompt).tolist(), START]])
    draw = torch.Generator().manual_seed(seed)
    reply = generate(student, asked, length, temperature=temperature, generator=draw)[0, asked.shape[1] :].tolist()
    return " ".join(tokenizer.decode(reply[: reply.index(END)] if END in reply else reply).split())


print(f"{metrics.count_parameters(new_student()) / 1e6:.1f} million weights, the teacher has 134.5")

# %% [markdown]
# How do we measure it? By the **perplexity** of held-out answers: the exponential of the mean $-\log q$. A perplexity
# of 30 means: as perplexed as if it had to choose among 30 equally likely tokens each time. (The teacher's own, on
# this text, is about 3: that is the floor. Text sampled at 0.7 is easy text, so do not compare with lesson 12.)
#
# ### ✎ Exercise 13.4 · Perplexity, where it counts  (8 minutes, medium)


# %%
def perplexity(logits, tokens, counts):
    """exp of the mean of -log q(next token); logits (L, V) after each of the tokens (L,), counts bool (L,) says where."""
    ...


lesson.perplexity.check(perplexity)
# lesson.perplexity.hint()
# lesson.perplexity.solution()

# %% [markdown]
# <details><summary>My perplexity is close to 1, and I have hardly trained</summary>
#
# Does the token that is scored stand among those that the model has read? logits[i] has seen tokens[: i + 1].
# </details>
#
# ### From noise to English
#
# Now it learns: from cached probabilities, 400 steps of two windows. Here is what it writes before the first
# step, and soon after. (We sample it at temperature 0.6. It is less sure than its teacher, and at 1 its luck would hide
# what it knows.)
#
# > **Predict.** What will it have learned first?


# %% tags=["nbval-ignore-output"]
def look(student):
    logits = language.predict_text(student, validation_ids)[:-1]
    loss = losses.cross_entropy(logits, validation_ids[1:], mask=validation_counts[:-1])
    return {"perplexity": loss.exp().item()}


recipe = training.Recipe(temperature=1, alpha=0, steps=400, batch_size=2, learning_rate=2e-3)
student = new_student()
options = {"length": 160, "mask": counting, "evaluate": look, "evaluate_every": 400}  # at the first and the last
run = language.train_language_model(student, ids, cache, recipe=recipe, **options)
story = "Tell a short story about a brave dog and a boat."
records = []
print("step 0:", ask(student, story, length=25), "\n")
for steps in (20, 60):
    records += islice(run, steps)
    print(f"step {len(records)}:", ask(student, story, length=45), "\n")

# %% [markdown]
# <details><summary>What happened</summary>
#
# First the frequent pieces, in any order: *the*, *a*, a full stop. Then which of them stand side by side.
# </details>
#
# Go on:

# %% tags=["nbval-ignore-output"]
for steps, length in ((80, 70), (120, 70), (120, 110)):
    records += islice(run, steps)
    print(f"step {len(records)}:", ask(student, story, length=length), "\n")
first, last = records[0]["perplexity"], records[-1]["perplexity"]
assert len(records) == 400 and first > 500 and last < 60
print("perplexity of held-out answers: from above 500 to below 60: ok")

# %% [markdown]
# Words, sentences, animals that are *named Max* or *Luna*; commas and full stops where they belong. And no story: a
# sentence hardly remembers the one before it. 128 000 tokens, drawn from 150 000, buy the sound of the language.
#
# ### Text, probabilities, or both?
#
# > **Predict.** Three students, the same start, the same batches, the same forty steps, four windows each. One learns
# > from the *text* alone (`teacher=None`), one from the cached *probabilities* alone (α = 0), one from *both* (α = ½).
# > Who is ahead, and by how much?


# %%
def three_ways(count, seed):
    """The three students, learning from so many of the answers."""
    part, told, where = tensors(train, count)

    def start(teacher, alpha):
        student, plan = new_student(seed), training.Recipe(1.0, alpha, 40, 4, 2e-3, seed)
        options = {"length": 160, "mask": where, "evaluate": look, "evaluate_every": 10}
        return student, language.train_language_model(student, part, teacher, recipe=plan, **options)

    return {"text only": start(None, 0), "both": start(told, 0.5), "probabilities": start(told, 0)}


panel = widgets.ExperimentPanel(
    three_ways,
    controls=[widgets.Control("count", "answers to learn from", [25, 200, len(train)], len(train))],
    measures={"perplexity": ("Perplexity of held-out answers (axis: 100 to 350)", (100, 350), "")},
    against="count",
    steps=40,
)
panel.show_and_run()

# %% tags=["nbval-ignore-output"]
outcome = panel.outcomes[0]
reached = {way: outcome[way]["perplexity"] for way in ("text only", "both", "probabilities")}
print("after 40 steps:", {way: f"{value:.0f}" for way, value in reached.items()})
assert reached["probabilities"] < reached["text only"]

# %% [markdown]
# **Start** runs the next seed, the slider changes how many answers there are to learn from.
#
# > **Goal.** With 25 answers instead of all: who suffers most?
#
# Forty steps are no training. Here are longer ones, of eight windows a step, *recorded* by
# `benchmarks/distilling_an_llm.py`. On the left once through every second answer, in windows that share no place, so
# that nothing is read twice (59 steps). In the middle twice through all (250 steps, windows drawn at random), on the
# right eight times, a single seed. On the left and in the middle there are three seeds, and for each way the learning
# rate that was best on the validation answers: on the left of five, with three other seeds; in the middle of three,
# with one seed, and there it was the lowest, so a lower one might do better still, for any of the ways.
#
# > **Predict.** How much of the lead comes from reading the same answers again and again?

# %%
ways = ("text only", "both", "probabilities")


def values(section, arm, what):
    """The recorded figure of each seed."""
    return [row[what] for row in recorded[section] if row["arm"] == arm]


test_perplexity = {way: values("arms", way, "test") for way in ways}
once = {way: values("epoch", way, "test") for way in ("text only", "probabilities")}
assert max(test_perplexity["probabilities"]) < min(test_perplexity["text only"])
assert max(once["probabilities"]) < min(once["text only"])
curves = {row["arm"]: row["curve"][1:] for row in recorded["long"]}
assert curves["probabilities"][-1][1] < 0.85 * curves["text only"][-1][1]
closed = values("epoch", "attention closed", "test")
mean, half = t_interval([a - b for a, b in zip(closed, once["probabilities"], strict=True)])
print(
    f"attention closed at the end of an answer: {mean:+.1f} ± {half:.1f} (open: {np.mean(once['probabilities']):.1f})"
)
tried = {(row["arm"], row["rate"], row["seed"]): row["validation"] for row in recorded["epoch_rates"]}
for rate in (1e-3, 2e-3, 4e-3, 8e-3):
    less = [100 - 100 * tried["probabilities", rate, n] / tried["text only", rate, n] for n in (100, 101, 102)]
    mean, half = t_interval(less)
    assert min(less) > 8
    print(f"once through, learning rate {rate}: probabilities have a perplexity {mean:.0f} ± {half:.0f} % lower")
plots.three_ways(
    {"once through half,\ntest perplexity": once, "twice (250 steps),\ntest perplexity": test_perplexity},
    ("eight times (1000 steps), one seed,\nvalidation perplexity", curves),
)

# %% [markdown]
# <details><summary>What happened</summary>
#
# None of it, or not much. Where nothing is read twice the lead is there already, with every seed: a perplexity of 98
# against 115, 15 % less. Seeds scatter at rates so high (17 ± 23, 95 % interval over three seeds: that alone would not
# do). But it is there at each of four rates with each of the seeds that chose among them, twelve pairs of twelve, by 10 to
# 21 % (the lines above the figure). At the fifth, 0.016, training breaks down for both.
#
# After 250 steps the students of the text have a perplexity of 45.7, those of both 42.0, those of the probabilities
# 40.5: 11 % less than the text, and the order is the same with every seed. The same teacher, the same tokens, the same
# steps. All that differs is how much of the teacher each place tells: one draw, or what it was drawn from. After eight
# times through, one seed, it is 15 against 21. (At a learning rate twice as large, which was not chosen for either.)
# </details>
#
# The perplexities of the left plot are those of answers read alone, with nothing before them; the others come from
# windows in which the end of the answer before is seen. The teacher's own on such text is about 3. A student of this
# size, after minutes, is far away.
#
# ### What does a window see?
#
# Answers stand one behind the other, and a window of 160 tokens reaches across: a token sees the end of the answer
# *before* its own prompt, which has nothing to do with it. Many libraries pack texts like that. One can close attention
# at each `<|im_end|>`. The first line above the figure says what that was worth once through, three seeds, at a rate of its
# own, each test answer read alone.
#
# A little better, and only just told. (One answer at a time is also what the closed one has trained for.) The lesson's
# students read with attention open: it is simpler and faster.
#
# ## 8 · What it writes
#
# Perplexity asks how well a student continues what the *teacher* began. In use it has to continue what it began
# itself. So let each student of 250 steps answer the same forty test prompts, and ask three things. (All are sampled
# at 0.7. That alone raises the score and lowers the variety, for all alike.)
#
# 1. **What does the teacher think of it?** Mean $\log p$ of the student's tokens under SmolLM2 (at 0.7 again).
# 2. **Does it tell more than one story?** The share of different n-grams among all n-grams: **distinct-n** (Li et al.
#    2016, who divide by tokens).
# 3. **Would you read it?** See below.
#
# ### ✎ Exercise 13.5 · Does it tell more than one story?  (6 minutes, easy)


# %%
def distinct_n(texts, n):
    """Different n-grams of all texts together, divided by all their n-grams; texts are lists of ids."""
    ...


lesson.distinct_n.check(distinct_n)
# lesson.distinct_n.hint()
# lesson.distinct_n.solution()

# %% [markdown]
# > **Predict.** Who gets the better score from the teacher: a student, or the teacher itself? And who has the larger
# > distinct-2?

# %%
score = {way: [row["log_p"] for row in recorded["teacher"] if row["writer"] == way] for way in ("teacher", *ways)}
variety = {way: [row["distinct_2"] for row in recorded["teacher"] if row["writer"] == way] for way in score}
plots.three_ways({"teacher's score, mean log p": score, "distinct-2": variety})

# %% [markdown]
# <details><summary>What happened</summary>
#
# The teacher gives its own text a mean log p of -1.2, that of the students -4.3 to -4.9: it would hardly ever write
# so. Among the students the text alone comes last, -4.7 against -4.5, but that is hardly more than two seeds differ
# by. The score is a blunt instrument: 16 texts for each student, 60 tokens each, and after its first odd word a text
# has lost its reader. In variety all students fall behind: sampled as cool as this, they say the same few things
# (*very happy*, *a big*) again and again.
# </details>
#
# Any of these numbers can be fooled alone: one sentence repeated for ever has a splendid score and no variety, dice
# have variety and no score. Together they are harder to fool. And then there is reading:

# %%
texts = {way: next(row["texts"] for row in recorded["arms"] if row["arm"] == way and row["seed"] == 0) for way in ways}
for number in (1, 9):
    print("PROMPT:", test.prompts[3 * number])
    for name, text in {"teacher": test.texts[3 * number], **{way: texts[way][number] for way in ways}}.items():
        print(f"\n{name.upper()}: {' '.join(text.split())[:260]} …")
    print("\n" + "-" * 40)

# %% [markdown]
# ### Does it ever stop?
#
# An answer should end. The teacher was cut off at 128 tokens in nine answers of ten; what we show as their ends is our
# doing (section 4), so the end counts in 95 of 1108 training answers, where it was the teacher's own. And the tokens of
# the prompts count nowhere: they are ours, too.
#
# Both are decisions. Four students, once through every second answer: prompts counted or not, the end of *every* answer
# counted or not. (Where the teacher gave no probabilities, the token itself is the target.) Each answers 60 test prompts.
#
# > **Predict.** How many of a hundred answers of a student with our mask stop by themselves? What will counting the ends do
# > to that, and to the perplexity of the answers? And counting the prompts?

# %%
names = {"as here": "probabilities", "prompts counted": "prompts counted", "ends counted": "ends counted",
         "both counted": "prompts and ends counted"}  # fmt: skip
stop = {name: [100 * share for share in values("epoch", arm, "stopped")] for name, arm in names.items()}
alone = {name: values("epoch", arm, "test") for name, arm in names.items()}
assert np.mean(stop["ends counted"]) > np.mean(stop["as here"]) + 20
plots.three_ways({"answers of 100 that stop": stop, "test perplexity, answers read alone": alone})

# %% [markdown]
# <details><summary>What happened</summary>
#
# Four in a hundred. With the end of every answer counted it is 71, and 84 if the prompts count as well. Counting the
# prompts alone does not make it stop. In perplexity the interval holds zero for all three (one seed in three went badly
# wherever prompts counted): what it costs to learn the ends, if anything, is not told. All four have the learning rate of
# the first.
#
# And those ends are *ours*: we cut after a whole sentence, and such a student has learned to stop after a sentence, here
# after some 50 tokens, not where a story ends. The better cure is a teacher who is allowed to finish.
# </details>
#
# A student learns to stop where its targets stop. It is the same with large models: a mask that leaves out the end of
# the answer, or a padding token that happens to be the end token, gives a model that talks on until it is cut off.
#
# *Your* student, the one of section 7, need not begin anew. A copy of it takes forty more steps, in which the end of
# every answer counts.
#
# > **Predict.** Is that enough to make it stop?

# %% tags=["nbval-ignore-output"]
ends = ids.roll(-1) == END
told = TokenCache(cache.ids.clone(), cache.weights.clone())
told.ids[ends, 0], told.weights[ends] = END, torch.eye(8)[0]  # the token itself: nobody gave probabilities there
questions = [torch.tensor([*tokenizer.encode(prompt).tolist(), START]) for prompt in test.prompts[::4]]


def stopping(student):
    """The share of answers that end before prompt and answer have 160 tokens."""
    _, own = answer(student, questions, 160, temperature=0.7, end=END, generator=torch.Generator().manual_seed(0))
    return (own.sum(1) < torch.tensor([160 - len(question) for question in questions])).double().mean().item()


ending = copy.deepcopy(student)
plan = training.Recipe(temperature=1, alpha=0, steps=40, batch_size=4, learning_rate=1e-3)
training.drain(language.train_language_model(ending, ids, told, recipe=plan, length=160, mask=counting | ends))
for name, one in (("before", student), ("after", ending)):
    print(f"{name}: {stopping(one):.0%} of the answers stop, perplexity {look(one)['perplexity']:.0f}")
assert stopping(ending) > stopping(student) + 0.2

# %% [markdown]
# <details><summary>What happened</summary>
#
# From hardly any to about half, and the perplexity of the answers stays about where it was. (Forty more steps
# *without* the ends might have lowered it.)
# </details>
#
# ## 9 · Blind
#
# You knew who wrote what, and that is how one fools oneself. Hide the names, and let *your* student, the copy that has
# learned to stop, answer prompts that you have not read above.
#
# > **Predict.** Out of twelve pairs, how often will you find the teacher's text? And how often would a coin?

# %%
numbers = range(1, len(test), 6)
asked = [torch.tensor([*tokenizer.encode(test.prompts[number]).tolist(), START]) for number in numbers]
rows, own = answer(ending, asked, 150, temperature=0.7, end=END, generator=torch.Generator().manual_seed(0))
pairs = []
for number, row, mine in zip(numbers, rows, own, strict=True):
    told, wrote = (" ".join(text.split()) for text in (test.texts[number], tokenizer.decode(row[mine])))
    size = min(len(told), len(wrote), 320) - 20  # before the end of either, which would give its writer away
    if size >= 120:
        pairs.append({"prompt": test.prompts[number], "teacher": told[:size], "your student": wrote[:size]})
blind = widgets.BlindTestPanel(pairs, names=("teacher", "your student"), most=12)
blind

# %% [markdown]
# <details><summary>What happened</summary>
#
# Twelve pairs are few. Guessing alone gets nine or more right in 7 of a hundred rounds, ten or more in 2: so ten right
# answers say that you can tell them apart, and six say nothing yet.
# </details>
#
# In class, add the answers of all:
# `widgets.blind_score(anna.answers + ben.answers)`.
#
# Such a test needs four things: the same prompts for both, sides drawn by lot, texts cut to the same length, before
# the end of either (length alone gives many students away), and the number of pairs fixed *before* the first look.
#
# ## 10 · What it costs
#
# Where did the time go here, and where would it go with models of real size? For the latter one rule of thumb is
# enough: a network of $N$ weights takes about $2N$ operations for each token that it reads (a product and a sum for
# each weight), and $6N$ when it learns it: the way back costs twice the way forward.
#
# ### ✎ Exercise 13.6 · A bill for seven billion weights  (8 minutes, medium)
#
# The text is there already; the teacher only *scores* it (one pass gives the probabilities at all places at once).


# %%
def gpu_hours(teacher, student, tokens, epochs, peak, utilisation):
    """(hours in which the teacher scores `tokens` tokens, hours in which the student trains on them `epochs` times)."""
    ...


lesson.gpu_hours.check(gpu_hours)
# lesson.gpu_hours.hint()
# lesson.gpu_hours.solution()

# %% [markdown]
# > **Predict.** A billion tokens, a teacher of 7 billion weights, a student of 1 billion that reads them three times.
# > How many hours on one large GPU? And on this laptop's core? First guess for *this* lesson's models: what took
# > longest?
#
# The upper four bars are measured (*recorded*, one core; the first by the clock while the machine was busy, the
# others in processor time). The lower four are your formula with speeds that are *assumptions*: a data-centre GPU
# with a peak of 4·10¹⁴ operations a second (half precision), of which a good program gets 40 %; a core of a laptop,
# 5·10¹⁰, of which it gets 60 %.

# %%
cost = {row["model"]: row["tokens_per_second_16"] for row in recorded["cost"]}
bill = [
    ("teacher writes the transfer set", recorded["writing"]["seconds"] / 3600, "teacher"),
    ("student learns it (250 steps)", np.mean(values("arms", "probabilities", "seconds")) / 3600, "student"),
    ("teacher writes 100 answers", 100 * 120 / cost["teacher"] / 3600, "teacher"),
    ("student writes 100 answers", 100 * 120 / cost["student"] / 3600, "student"),
]
for machine, peak, utilisation in (("GPU", 4e14, 0.4), ("one core", 5e10, 0.6)):
    speed = peak * utilisation * 3600
    bill.append((f"7B teacher scores, {machine}", 2 * 7e9 * 1e9 / speed, "teacher"))
    bill.append((f"1B student learns, {machine}", 6 * 1e9 * 1e9 * 3 / speed, "student"))
assert 50 < bill[4][1] + bill[5][1] < 60 and bill[0][1] > 10 * bill[1][1]
plots.hours(bill)

# %% [markdown]
# <details><summary>What happened</summary>
#
# Here the **writing** cost most by far, and it was paid once, for all students of this lesson. With the large models
# scoring and learning cost about the same: a little over two days on one GPU, 34 years on one core.
# </details>
#
# Three things stand
# behind the bars.
#
# - **Writing is dearer than scoring.** The operations are the same, but a text is written token by token, and for each
#   token all weights have to be fetched from memory. The processor waits. Batches of many texts help.
# - **Storage.** A billion tokens with whole distributions of 49 152 entries in half precision: 98 terabytes. With eight
#   entries of three bytes: 24 gigabytes. That is why one keeps a few (lesson 12 says how to keep them without bias).
# - **Serving.** It is what all this is for. On this core the student writes 2800 tokens a second, its
#   teacher 67 (sixteen texts at once). The transfer set and the training are paid once; after 200 000 tokens, or 1700
#   answers, they are earned back, in time. Whether the answers are worth it is section 9's question.
#
# ## Quiz

# %%
lesson.quiz

# %% [markdown]
# ## Summary
#
# - A transfer set is prompts, a sampling temperature, filters and a licence: each decides what the student becomes, and
#   each belongs in the record.
# - Text is the teacher's distribution, drawn once. Keep the distribution at the temperature of the draws, and the ids
#   that were drawn.
# - With equal steps, students of cached probabilities were ahead of students of the text alone: by 11 % of perplexity
#   after 250 steps (three seeds), by a quarter after 1000 (one seed); and by 10 to 21 % once through, when nothing is read
#   twice, at each of four learning rates with each of three seeds.
# - A student stops where its targets stop. Whether the end of an answer counts is a decision, and one that shows.
# - Perplexity, the teacher's score, distinct-n and reading blind: each can be fooled, all together less easily.
# - Different strings are not different questions. Split by subject, and look for shared n-grams.
#
# **Left out.** Chat and instructions of many turns; preference training; students that begin with the teacher's
# weights; distillation between different tokenizers (Boizard et al. 2024 do it with optimal transport); on-policy
# training with a real teacher (lesson 14 does it in small); judging by a larger model.
#
# **References**
#
# - N. Boizard et al.: *Towards Cross-Tokenizer Distillation: the Universal Logit Distillation Loss for LLMs*, 2024,
#   arXiv 2402.12030.
# - L. B. Allal et al.: *SmolLM2: When Smol Goes Big*, 2025, arXiv 2502.02737.
# - R. Eldan, Y. Li: *TinyStories: How Small Can Language Models Be and Still Speak Coherent English?*, 2023, arXiv
#   2305.07759: stories made by a large model teach small ones.
# - A. Anshumann et al.: *Sparse Logit Sampling*, ACL 2025, arXiv 2503.16870.
# - R. Sennrich, B. Haddow, A. Birch: *Neural Machine Translation of Rare Words with Subword Units*, ACL 2016.
# - J. Li et al.: *A Diversity-Promoting Objective Function for Neural Conversation Models*, NAACL 2016.
# - A. Askell et al.: *A General Language Assistant as a Laboratory for Alignment*, 2021, arXiv 2112.00861: context
#   distillation.
#
# **Next:** [14 · The student's own steps](14_the_students_own_steps.ipynb): learning from what one writes oneself.
