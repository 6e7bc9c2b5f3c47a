# %% [markdown]
# # 12 · Language models
#
# *A model that guesses the next character can write. A small one learns to write from a large one: from its guesses, and
# from its texts.*
#
# | | |
# |---|---|
# | **Time** | 90 minutes alone: 54 for the six exercises, 36 for the rest; 60 in class (skip exercises 12.4 to 12.6 and section 7) |
# | **Builds on** | [02 · KL divergence](02_kl_divergence.ipynb), [03 · The distillation loss](03_distillation_loss.ipynb), [11 · Transformer distillation](11_transformer_distillation.ipynb) (sections 2, 3) |
#
# **After this lesson you can**
#
# - measure a language model in bits per character, and read one line by line,
# - distil it word by word, by texts that the teacher wrote, and by both, and say which of these was worth what,
# - tell forward from reverse KL by the text that a small student writes,
# - keep a few of a teacher's probabilities without teaching the student something false.

# %%
import copy
import math
import time
from dataclasses import replace

import torch
from torch import nn
from torch.nn import functional as F

import kdlab
from kdlab import data, generation, language, losses, models, plots, teachers, token_caches, training, widgets
from kdlab.exercises import language_models as lesson
from kdlab.intervals import t_interval
from kdlab.metrics import count_parameters, distinct_n

kdlab.setup()
book = data.load_moby_dick()
tokenizer, teacher = teachers.load_moby_dick_teacher()
recorded = data.load_results("language_models")

# %% [markdown]
# ## 1 · What comes next?
#
# Here is Herman Melville's *Moby-Dick* as a sequence of characters: small letters, punctuation, the space and the new line,
# 39 symbols. Whole chapters are kept apart: those whose numbers end in 4 for validation, those that end in 9 for the test.
#
# A **language model** does one thing. It reads a text up to some place and says, as a distribution over the 39, what may
# come *next*. Here is our teacher's answer to three beginnings.
#
# > **Predict.** After `the whit`, what comes, and how sure is the teacher? And after `the whale `?

# %%
train, validation, test = (torch.from_numpy(tokenizer.encode(text)) for text in book[:3])
print(f"{len(train):,} characters for training, {len(validation):,} for validation, {len(test):,} for the test")


def ids_of(text):
    return torch.from_numpy(tokenizer.encode(text))


guesses = {}
for beginning in ("the whit", "the whale ", "call me ishmael. some years ag"):
    p = language.predict_text(teacher, ids_of(beginning))[-1].softmax(-1)
    guesses[f"{beginning[-16:]!r}"] = dict(zip(tokenizer.vocabulary, p.tolist(), strict=True))
plots.next_characters(guesses)

# %% [markdown]
# <details><summary>What happened</summary>
#
# Sometimes only one character will do, sometimes nobody can know. And sometimes the teacher bets on the wrong one: the
# book goes on with `ago`.
# </details>
#
# A good model is not one that is always *right*. It is one that gives much probability to what came. The measure is the mean of $-\log_2 p$ of the characters that came:
# **bits per character**. It is the length of the text, in bits for each character, when it is packed with the model's help.
#
# > **Predict.** How many bits does a model need that finds all 39 symbols alike? One that knows how frequent each is? One
# > that knows the character before? The three before?


# %%
def counting(before):
    """Bits per character on validation text, if one counts what followed the last `before` characters in training."""
    counts = torch.ones([39] * (before + 1))  # 1 for luck: what was never seen must not be impossible
    seen, asked = (text.unfold(0, before + 1, 1).T for text in (train, validation))
    counts.index_put_(tuple(seen), torch.ones(seen.shape[1]), accumulate=True)
    return -(counts / counts.sum(-1, keepdim=True))[tuple(asked)].log2().mean().item()


print(f"all alike: {math.log2(39):.2f} bits")
for before, expected in enumerate((4.2, 3.4, 2.9, 2.6)):
    assert abs(counting(before) - expected) < 0.1, counting(before)
    print(f"knows {before} characters before: {expected} ± 0.1 bits: ok")

# %% [markdown]
# ### ✎ Exercise 12.1 · Bits per character  (7 minutes, easy)
#
# `logits` has a row for each character of the text. Row i is the model's guess when it has read `ids[: i + 1]`.


# %%
def bits_per_character(logits, ids):
    """Mean of -log2 of the probability of each character of the text but the first; logits (L, V), ids (L,)."""
    ...


lesson.bits_per_character.check(bits_per_character)
# lesson.bits_per_character.hint()
# lesson.bits_per_character.solution()

# %% [markdown]
# <details><summary>My result is larger than log₂ of the vocabulary, for a good model</summary>
#
# Then the model is asked about the wrong character. The commonest bug of all language models is a shift by one, in either
# direction. Asked about a character that it has *just read*, a model looks like a genius or like a fool.
# </details>
#
# ## 2 · A transformer that must not look ahead
#
# Lesson 11's encoder let every token look at every other. Here that would give the answer away: the character that comes
# next stands right there. So each token may look at itself and at what came before. This is a **causal mask**, and a
# transformer that has it is a **decoder**. It makes a guess at *every* place at once: a text of 100 characters is 100
# exercises.
#
# ### ✎ Exercise 12.2 · No looking ahead  (10 minutes, medium)
#
# There may be more keys than queries: then the queries are those of the *last* tokens. (Section 3 needs that.)


# %%
def causal_attention(queries, keys, values):
    """softmax(queries · keys / √d) · values, (N, heads, L, d); nobody looks ahead. There may be older keys in front."""
    ...


lesson.causal_attention.check(causal_attention)
# lesson.causal_attention.hint()
# lesson.causal_attention.solution()

# %% [markdown]
# <details><summary>It works for whole texts, but not with one query and many keys</summary>
#
# `torch.ones(1, 9).tril()` leaves the first column only. The single query is the *last* token, it may see all nine.
# How far must the triangle be moved, so that with equally many of both nothing changes?
# </details>
#
# Around it stands the layer that you know, with two changes that GPT-2 made popular. The layer norms come *before*
# attention and the small network, so that an unchanged **stream** runs from the bottom to the top, to which each part
# adds something. And the three products for queries, keys and values are one.

# %%
from kdlab.models import causal_attention  # noqa: E402  kdlab's own, whether or not you solved exercise 12.2


class DecoderLayer(nn.Module):
    def __init__(self, width, heads):
        super().__init__()
        self.heads = heads
        self.attention_norm, self.norm = nn.LayerNorm(width), nn.LayerNorm(width)
        self.queries_keys_values, self.mix = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.up, self.down = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)

    def forward(self, state, past=None):
        parts = self.queries_keys_values(self.attention_norm(state)).chunk(3, -1)
        queries, keys, values = (part.unflatten(-1, (self.heads, -1)).transpose(1, 2) for part in parts)
        if past is not None:  # the keys and values of what was read before
            keys, values = torch.cat([past[0], keys], 2), torch.cat([past[1], values], 2)
        mixed = causal_attention(queries, keys, values).transpose(1, 2).flatten(2)
        state = state + self.mix(mixed)
        return state + self.down(F.gelu(self.up(self.norm(state)))), (keys, values)


# %%
class LanguageModel(nn.Module):
    def __init__(self, vocabulary, width, heads, layers, context):
        super().__init__()
        self.tokens, self.positions = nn.Embedding(vocabulary, width), nn.Embedding(context, width)
        self.layers = nn.ModuleList(DecoderLayer(width, heads) for _ in range(layers))
        self.norm = nn.LayerNorm(width)

    def forward(self, ids, cache=None):
        """Logits (N, L, vocabulary) of ids (N, L); entry [n, i] is the guess after ids[n, : i + 1]."""
        past = cache[0][0].shape[2] if cache else 0  # so many tokens were read before
        state = self.tokens(ids) + self.positions.weight[past : past + ids.shape[1]]
        seen = []
        for n, layer in enumerate(self.layers):
            state, keys_values = layer(state, cache[n] if cache else None)
            seen.append(keys_values)
        if cache is not None:
            cache[:] = seen
        return self.norm(state) @ self.tokens.weight.T


# %% [markdown]
# Look at the last line. Where one expects another matrix, from the stream to 39 logits, it uses the table of embeddings
# again: **weight tying**. A character's logit is the product of the stream with that character's own vector. (For 39
# characters that saves little. In GPT-2, with 50 257 tokens, it saves 39 million weights.)
#
# kdlab's `LanguageModel` is this network, and can do dropout. Does ours agree with it, for the teacher's weights?
#
# > **Predict.** Change the *last* character of a text. At which places do the logits change? And if you change the tenth?

# %%
ours = LanguageModel(39, 160, 5, 4, teacher.context)
ours.load_state_dict(teacher.state_dict())
text = validation[None, :100]
with torch.no_grad():
    difference = (ours(text) - teacher(text)).abs().max()
    changed = {}
    for place in (99, 9):
        other = text.clone()
        other[0, place] = (other[0, place] + 1) % 39
        moved = (ours(other) - ours(text)).abs().amax(-1)[0] > 1e-6
        changed[place] = moved.nonzero()[:, 0].tolist()
assert difference < 1e-4
print("ours and kdlab's: largest difference below 1e-4: ok")
for place, places in changed.items():
    print(
        f"character {place} is another: the logits change at places {places[0]} to {places[-1]}, {len(places)} in all"
    )
assert changed == {99: [99], 9: list(range(9, 100))}

# %% [markdown]
# <details><summary>What happened</summary>
#
# Nothing before the change has moved. That is the whole promise of the mask.
# </details>
#
# It is a test that costs three lines: run it on every decoder that you write.
#
# ## 3 · Writing
#
# A model that guesses can write: draw a character from its guess, append it, guess again. A **sampling temperature**
# divides the logits before the draw. It has nothing to do with the temperature of distillation, which belongs into a loss.
# At 1 the model writes what it believes. At 0, the limit, it always takes the likeliest: **greedy**.
#
# ### Do not read everything again
#
# To guess the 101st character the model needs the keys and values of the 100 before. Those do not change when a character
# is appended: nobody looks ahead! So keep them. This is the **key/value cache**, and the list `cache` of section 2 is it.
#
# > **Predict.** Without a cache, appending the 100th character costs how many times as much as with it? And why is the
# > measured gain smaller?

# %% tags=["nbval-ignore-output"]
start = ids_of("the whale ")[None]
texts, seconds = [], []
for use_cache in (True, False):
    began = time.perf_counter()
    texts.append(generation.generate(teacher, start, 110, use_cache=use_cache))
    seconds.append(time.perf_counter() - began)
assert torch.equal(*texts)
print(f"the same text; {seconds[0]:.2f} s with the cache, {seconds[1]:.2f} s without")

# %% [markdown]
# <details><summary>What happened</summary>
#
# Both take the same draws, and both write the same text. Without a cache the 100th character costs a hundred times the
# arithmetic: 100 characters go through every layer instead of one. Here the clock says less, since for one short text most
# of the time goes into fetching weights and calling functions. With long or many texts the cache is indispensable.
# </details>
#
# > **Predict.** What will the teacher write at temperature 0? And at 1.5?

# %% tags=["nbval-ignore-output"]
for temperature in (0, 0.6, 1.0, 1.5):
    generator = torch.Generator().manual_seed(1)
    text = generation.generate(teacher, start, 110, temperature=temperature, generator=generator)[0]
    print(f"{temperature:3}  {tokenizer.decode(text)!r}")

beginnings = validation[:800].view(50, 16)
greedy, drawn = (generation.generate(teacher, beginnings, 80, temperature=t)[:, 16:] for t in (0, 1))
variety = {name: distinct_n(list(rows), 8) for name, rows in (("greedy", greedy), ("drawn", drawn))}
assert variety["greedy"] < 0.5 * variety["drawn"]
print("50 texts each: greedy text has less than half as many different runs of 8 characters: ok")

# %% [markdown]
# <details><summary>What happened</summary>
#
# Greedy text goes round in circles. It is not that the likeliest character is wrong at any place. But a text in which
# *every* character is the likeliest is not a likely text. Real text keeps surprising a good model; whoever wants to write
# like it needs to draw.
# </details>
#
# ## 4 · A student that learns in seconds
#
# The teacher has 1.26 million weights. Our student has 32 thousand, one layer instead of four, and sees 32 characters
# instead of 128. It gets 20 000 characters of the book, its first two chapters, and 300 short steps. (The
# teacher has read all 919 607, these included. Its guesses there are hardly better than elsewhere, but it knows more
# than these pages, and that is what it can hand on.)
#
# The first way of distilling is the one you know, at every place of the text: the loss is
# $\mathrm{KL}(\text{teacher} \,\|\, \text{student})$ of the next character. It is called **word-level** distillation (Kim & Rush
# 2016), whatever the tokens are.
#
# ### ✎ Exercise 12.3 · What the teacher expects next  (7 minutes, medium)
#
# Texts are of different length, as always, so there is a mask. At temperature 1, and no gradient into the teacher, who only
# teaches.


# %%
def word_level_loss(student_logits, teacher_logits, mask):
    """KL(teacher || student) at T = 1, the mean over the places that count; logits (N, L, V), mask bool (N, L)."""
    ...


lesson.word_level_loss.check(word_level_loss)
# lesson.word_level_loss.hint()
# lesson.word_level_loss.solution()

# %% [markdown]
# <details><summary>A long text costs me more than a short one</summary>
#
# `reduction="batchmean"` divides by the first dimension: the number of *texts*. You want to divide by the number of
# characters that count.
# </details>
#
# ### Why T = 1?
#
# A classifier of digits is nearly always sure, and a temperature brings its doubts to light. A language model has plenty
# of doubts: several characters *are* possible. Are its shares of them too hard, too soft, or right?
#
# > **Predict.** Read the teacher at T = ½, 1, 2 and 4. At which does held-out text need the fewest bits?

# %%
heard = language.predict_text(teacher, validation[:8000])[:-1]
bits = {T: losses.cross_entropy(heard / T, validation[1:8000]).item() / math.log(2) for T in (0.5, 1, 2, 4)}
for T, value in bits.items():
    print(f"T = {T}: {value:.1f} bits")
assert bits[1] == min(bits.values()) and bits[2] > bits[1] + 0.2
print("the fewest at T = 1, and T = 2 costs at least 0.2 bits more: ok")

# %% [markdown]
# <details><summary>What happened</summary>
#
# The shares are right as they are; made softer, or harder, they are wrong. At $T = 1$ the soft targets are the best
# description of what may come.
# </details>
#
# And the student will be asked, and will write, at $T = 1$. With less room than its teacher it should spend none of it on
# getting softened shares right.
#
# ### The race
#
# Two students start from the same weights and read the same windows. One hears the teacher, the other the text only (*hard
# labels* in the panel: each character of the text is the label of what stands before it). The curves are bits per character on held-out text.
#
# > **Predict.** Where will the two end, between 5.3 bits (all alike) and the teacher's level? And what will their texts look
# > like: letters, words, sentences?
#
# > **Goal 1.** Move the place in the passage: find one where the text-only student is sure, and wrong.
#
# > **Goal 2.** Turn the *sampling* temperature down to 0. Which of the three goes round in circles?
#
# > **Goal 3.** Press **Reset**, set the temperature of *distillation* to 3, and **Start**. What is that worth, in bits?

# %%
few = train[:20_000]
few_logits = language.predict_text(teacher, few)
recipe = training.Recipe(temperature=1, alpha=0, steps=300, batch_size=32, learning_rate=0.01)


def make_student(width=48, heads=4, seed=0):
    """A narrow model of one layer; narrow models learn sooner from larger initial weights than GPT-2's 0.02."""
    return models.LanguageModel(39, width=width, heads=heads, layers=1, context=32, std=0.55 / width**0.5, seed=seed)


panel = widgets.WritingPanel(
    make_student, few, few_logits, tokenizer=tokenizer, teacher=teacher, validation=validation[:3000],
    recipe=recipe, length=32, evaluate_every=50, characters=100,
)  # fmt: skip
panel.show_and_run()

# %%
race = {name: copy.deepcopy(student) for name, student in panel.students.items()}
end = {name: language.bits_per_character(student, validation[:20_000]) for name, student in race.items()}
assert end["distilled"] < end["hard"] - 0.08
print("20 000 characters: the distilled student is at least 0.08 bits ahead: ok")
print(f"weights: teacher {count_parameters(teacher):,}, student {count_parameters(race['hard']):,}")

# %% [markdown]
# <details><summary>What happened</summary>
#
# Same start, same windows, same number of steps, and the distilled student ends ahead. (Goal 3: three is too soft. The
# next plot has $T = 2$, measured.) What differs is how much a step can teach. The text has *one* character at each place:
# one draw from all that Melville might have written there. The teacher tells the whole distribution. Section 5 has the
# control that puts this to the test.
# </details>
#
# ## 5 · The teacher writes the text
#
# Where does more text come from? From the teacher. That is **sequence-level** distillation: let the teacher write, and
# train the student on it as if it were real. No logits need to be kept, and student and teacher may have different tokens.
#
# Kim & Rush, who invented it for *translation*, took the text that beam search finds: the likeliest translation of each
# sentence. **Beam search** carries several beginnings along and keeps the likeliest; with a single one it is greedy.
#
# > **Predict.** Is the likeliest text good food for a student that is to guess the next character of a novel?

# %%
for name in ("sampled", "greedy", "beam"):
    row = next(row for row in recorded["texts"] if row["writer"] == name)
    print(f"{name:8}", *(repr(text) for text in row["texts"][:2]), sep="\n   ")
variety = {row["writer"]: row["distinct_4"] for row in recorded["texts"] if "distinct_4" in row}
assert max(variety["beam"], variety["greedy"]) < 0.1 * variety["sampled"]
print("greedy and beam text have less than a tenth as many different runs of 4 characters: ok")

# %% [markdown]
# Here is the whole picture, *recorded* by `benchmarks/language_models.py`: the student of section 4, 300 steps, the learning
# rate of each arm chosen on validation text among four, three seeds. The teacher wrote 900 texts, each after 16 characters
# from the 20 000, or (bottom) 96 texts: beam search is slow. Two controls tell *softness* from *answers*: the teacher's
# argmax as a label, and one character **drawn** from the teacher as a label.
#
# > **Predict.** Put in order, for 20 000 characters: text, soft targets at $T = 1$ and at $T = 2$, half of each, text that the
# > teacher wrote, and soft targets on that.


# %%
def tested(arm, characters):
    """Recorded test bits, one for each seed."""
    this = {"arm": arm, "characters": characters}.items()
    return torch.tensor([row["test"] for row in recorded["transfer"] if this <= row.items()])


EVERYTHING, MANY, SHORT = len(train), 100_800, 10_752
words = (("text", "text"), ("text and soft targets", "both"), ("soft targets, T = 1", "targets"),
         ("soft targets, T = 2", "targets"), ("teacher's argmax", "bare"), ("one draw from the teacher", "bare"))  # fmt: skip
own = (("sampled", "written"), ("sampled, soft targets", "targets"), ("greedy", "written"), ("greedy, soft targets", "targets"),
       ("beam", "written"))  # fmt: skip
groups = {
    title: {arm: (color, tested(arm, count).tolist()) for arm, color in words if len(tested(arm, count))}
    for title, count in (("20 000 characters of real text", 20_000), ("all 919 607 characters", EVERYTHING))
}
for title, count in (("100 000 characters that the teacher wrote", MANY), ("11 000 characters that it wrote", SHORT)):
    found = {name: (color, tested(f"teacher's text: {name}", count).tolist()) for name, color in own}
    groups[title] = {name: arm for name, arm in found.items() if arm[1]}
groups["100 000 characters that the teacher wrote"] |= {"as much real text": ("text", tested("text", MANY).tolist())}
teacher_row = next(row for row in recorded["texts"] if row["writer"] == "teacher")
plots.transfer_arms(groups, teacher=teacher_row["test"])

# %%
text, soft, softer = (("text", 20_000), ("soft targets, T = 1", 20_000), ("soft targets, T = 2", 20_000))
sampled, taught = ("teacher's text: sampled", MANY), ("teacher's text: sampled, soft targets", MANY)
for ours, theirs in (
    (soft, text), (soft, softer), (soft, ("text and soft targets", 20_000)), (soft, ("one draw from the teacher", 20_000)),
    (("text", EVERYTHING), text), (("soft targets, T = 1", EVERYTHING), ("text", EVERYTHING)),
    (sampled, ("text", MANY)), (taught, sampled), (taught, soft),
    (("teacher's text: sampled", SHORT), ("teacher's text: greedy", SHORT)),
):  # fmt: skip
    each = tested(*theirs) - tested(*ours)
    words = f"{ours[0]} ({ours[1]:,}) against {theirs[0]} ({theirs[1]:,})"
    print(f"{words:79} {each.mean():+.2f} bits saved, ± {each.std():.2f}")
draw, short, beam = (
    ("one draw from the teacher", 20_000),
    ("teacher's text: sampled", SHORT),
    ("teacher's text: beam", SHORT),
)
for ours, theirs in ((soft, text), (soft, draw), (short, beam)):
    each = tested(*theirs) - tested(*ours)
    assert each.mean() > 5 * each.std() and each.mean() > 0.1
print(
    "soft targets against text and against one draw, sampled text against beam text: more than 5 times the scatter: ok"
)

# %% [markdown]
# <details><summary>What happened</summary>
#
# - **Soft targets** save about 0.2 bits, from the same 20 000 characters, in the same steps. The control says why: one
#   character *drawn* from the same teacher at each place has the same mean, and saves nothing. It is the whole
#   distribution that helps: less noise in every step. (Each is drawn once, and seen many times in 300 steps.)
#   And $T = 1$ beats $T = 2$, half labels lie between.
# - **The teacher's argmax** is a disaster here. In lesson 11 it did nearly as well as soft targets; there, one answer was
#   right. Here it makes a student that is sure of one character where several are possible.
# - **Text that the teacher drew** is worth as much as real text of the same amount, and with soft targets on it the student
#   is as good as with soft targets on real text. After 900 beginnings the *student* needs no real text; the teacher
#   has read it.
# - **Greedy and beam text** are poison: 5 bits and more, like someone who finds all 39 alike (5.3). Even with soft targets
#   greedy text stays bad: the student hears honest answers, but to the same few questions. Kim & Rush
#   were right to take the likeliest *translation*: one that is right is all that is asked for. A novel has no right one.
# - **All the text** instead of 20 000 characters is worth 0.06 bits in 300 steps, in which the student reads only 300 000.
#   With soft targets it is worth nothing: 20 000 characters and a teacher beat all 919 607 without one.
# </details>
#
# (± is the standard deviation of one seed. Some arms scatter by 0.1 bits; trust only what is larger than that.)
#
# ## 6 · A student that is too small
#
# Now a student of 4448 weights. Whatever it learns, it will not become its teacher. *Which* faults it keeps, the loss
# decides (lesson 02):
#
# - **Forward** KL(teacher || student) punishes it for finding impossible what the teacher finds possible.
# - **Reverse** KL(student || teacher) punishes it for saying what the teacher would not say.
#
# Between the two lies the **generalised Jensen–Shannon divergence** (Agarwal et al. 2024), against a mixture of both:
#
# $$\mathrm{JSD}_\beta = \beta\,\mathrm{KL}(p \,\|\, m) + (1-\beta)\,\mathrm{KL}(q \,\|\, m), \qquad m = \beta p + (1-\beta) q$$
#
# with $p$ the teacher and $q$ the student.
#
# ### ✎ Exercise 12.4 · Between forward and reverse  (10 minutes, medium)
#
# No gradient into the teacher here, either.


# %%
def jensen_shannon_divergence(student_logits, teacher_logits, beta):
    """β KL(teacher || m) + (1 - β) KL(student || m) with m = β teacher + (1 - β) student, the mean over all places."""
    ...


lesson.jensen_shannon_divergence.check(jensen_shannon_divergence)
# lesson.jensen_shannon_divergence.hint()
# lesson.jensen_shannon_divergence.solution()

# %% [markdown]
# <details><summary>At β = ½ all is well, elsewhere it is not</summary>
#
# β appears twice in front and twice inside the mixture. At ½ nobody notices which of them belongs to the teacher. Test a
# symmetric formula at an asymmetric place.
# </details>
#
# > **Predict.** Libraries let you set β = 0 for the forward and β = 1 for the reverse KL. What does the *formula* give at
# > β = 0.001?

# %%
pair = language.predict_text(race["hard"], validation[:2000], 32), heard[:2000]
betas = [0.002, *(k / 50 for k in range(1, 50)), 0.998]
between = [losses.jensen_shannon_divergence(*pair, beta=beta).item() for beta in betas]
forward, reverse = losses.kl_divergence(*pair).item(), losses.reverse_kl_divergence(*pair).item()
assert max(between[0], between[-1]) < 0.01 * forward
assert abs(between[0] / betas[0] / forward - 1) < 0.05 and abs(between[-1] / (1 - betas[-1]) / reverse - 1) < 0.05
print("the formula vanishes at both ends; divided by β or by 1 − β it is forward or reverse KL within 5 %: ok")
plots.jump_at_the_ends(betas, between, forward, reverse)

# %% [markdown]
# <details><summary>What happened</summary>
#
# The mixture comes so close to one of the two that there is nothing left to tell apart.
# </details>
#
# Libraries treat β = 0 and β = 1 as
# special cases, and the value jumps from nearly 0 to the whole KL. With β = 0.01 you have *not* “almost the forward KL”: you
# have a hundredth of it, and plain gradient descent at the same learning rate moves a hundred times more slowly. (Adam
# divides the factor away again.)
#
# Now train two of the small students: forward and reverse, the same start, the same windows.
#
# > **Predict.** Which of them has fewer bits per character? Which of them writes the more believable words?

# %% tags=["nbval-ignore-output"]
small, starts = {}, ids_of("the white whale ").expand(64, -1)


def write_on(model, rows, length=112, seed=5):
    """`length` more characters for each row; a model that sees 32 characters reads on from the last 16."""
    generator, end = torch.Generator().manual_seed(seed), rows.shape[1] + length
    while rows.shape[1] < end:
        rows = torch.cat([rows, generation.generate(model, rows[:, -16:], 16, generator=generator)[:, 16:]], 1)
    return rows[:, :end]


for name, divergence in (("forward", losses.kl_divergence_core), ("reverse", losses.reverse_kl_divergence_core)):
    small[name] = make_student(width=16, heads=2)
    plan = replace(recipe, learning_rate=0.015)
    run = language.train_language_model(small[name], few, few_logits, recipe=plan, length=32, divergence=divergence)
    training.drain(run)
    print(f"{name} KL: {tokenizer.decode(write_on(small[name], starts)[0])!r}")

# %%
measures = {}
for title, key in (("bits per character, test", "test"), ("teacher's bits per character\nof its text", "teacher_bits"),
                   ("entropy of its text,\nbits per character", "own_bits"), ("words that the book has", "real_words")):  # fmt: skip
    arms = ("forward KL", "JSD 0.1", "JSD 0.5", "JSD 0.9", "reverse KL")
    measures[title] = {arm: [row[key] for row in recorded["divergences"] if row["arm"] == arm] for arm in arms}
plots.divergence_measures(measures)


# %%
def found_at(arm, rate, key):
    """What three seeds came to at one learning rate."""
    rows = sorted(recorded["divergences"] + recorded["other_rates"], key=lambda row: row["seed"])
    return [row[key] for row in rows if (row["arm"], row["learning_rate"]) == (arm, rate)]


for words, key, ours, theirs in (
    ("bits on test text: reverse KL over forward KL", "test", "reverse KL", "forward KL"),
    ("entropy of its text: forward KL over reverse KL", "own_bits", "forward KL", "reverse KL"),
    ("the teacher's bits for its text: forward KL over JSD 0.1", "teacher_bits", "forward KL", "JSD 0.1"),
    ("bits on test text: forward KL over JSD 0.1", "test", "forward KL", "JSD 0.1"),
):
    for rate in (0.015, 0.03):
        pairs = zip(found_at(ours, rate, key), found_at(theirs, rate, key), strict=True)
        mean, half = t_interval([a - b for a, b in pairs])
        print(f"{words}, both at rate {rate}: {mean:+.2f} ± {half:.2f}")

# %% [markdown]
# <details><summary>What happened</summary>
#
# Neither writes English; 4448 weights are few. But the faults differ.
#
# - **Forward KL** keeps everything possible that the teacher finds possible. So it gives held-out text the probability
#   that it deserves, and rambles when it writes: only 28 % of its words stand in the book.
# - **Reverse KL** stays with what is safe. Its text has less entropy (surely so at the lower rate), and it pays with half
#   a bit per character on real text, which does what it has ruled out.
# - **In between**, even at β = 0.1, is text that the teacher prefers to forward KL's, at either learning rate. In bits on
#   test text the two are not told apart at the higher rate; at the lower one forward KL is a little ahead.
# </details>
#
# In the plot each divergence has the rate, of four, with the fewest bits on validation text, in the mean of two seeds.
# For forward KL and β = 0.1 two rates were hardly told apart, and chance gave one the lower, the other the higher. Who
# reads the plot alone finds β = 0.1 ahead in bits, and may think that it trains better. It does not: compare at equal
# rates. (For two of them the best rate was the highest of the four, so a still higher one might do better.)
#
# One thing is not as the textbook says. Reverse KL ought to please the teacher most, and is hardly ahead of forward KL. Its
# gradient at a character is proportional to the *student's* probability of it: what the student does not yet think of, it
# is not taught. That makes it a slow way to learn from a cold start.
#
# ### Its own text
#
# All students so far learned on *given* text. A student can also write, ask the teacher what it thinks of that, and learn
# from the answer: **on-policy** distillation, the subject of lesson 14. Two readings belong here, both *recorded*: what a
# step costs, and whose text was the better one for the small student, who went on for 80 steps.
#
# > **Predict.** A step on the student's own text: how much dearer is it than a step on given text? What makes it so: the
# > writing, or the teacher?

# %%
for row in recorded["costs"]:
    print(
        f"{row['what']:43}",
        f"{row['milliseconds']:.0f} ms" if "milliseconds" in row else f"{row['seconds']:.0f} s, once",
    )


def whole_texts(arm, budget):
    """KL(student || teacher) of whole texts, bits per character, for each seed."""
    return [row["reverse_kl"] for row in recorded["on_policy"] if (row["arm"], row["budget"]) == (arm, budget)]


print("\nKL(student || teacher) of whole texts, own text against given text, bits per character:")
for budget in ("equal steps", "equal time"):  # 80 and 80 steps; 80 and 1293, their logits at hand
    for kl in ("forward KL", "reverse KL"):
        own, given = whole_texts(f"own text, {kl}", "equal steps"), whole_texts(f"given text, {kl}", budget)
        mean, half = t_interval([a - b for a, b in zip(own, given, strict=True)])
        print(f"trained with {kl}, {budget}: {mean:+.3f} ± {half:.3f}")

# %% [markdown]
# <details><summary>What happened</summary>
#
# **Sixteen** times, and the teacher makes it so, not the writing: a step on given text in which the teacher is asked
# costs nearly as much. If the logits are kept, given text is cheap, but keeping them is not free: it took 49 s
# here, as long as 1100 steps on own text.
#
# With reverse KL, own text was the better one **step for step**: the texts of every seed's student came nearer to the
# teacher. With forward KL the interval holds zero: no difference is told. **By the clock** given text was better by far,
# once its logits are kept: in the time of 80 steps on own text it takes 1293, and they bring the student's texts much
# nearer, with either KL. (Three seeds, and one learning rate for all arms, which none of them chose.)
# </details>
#
# ## 7 · A few probabilities for each character
#
# 39 numbers for each character can be kept. A large model's vocabulary has 50 000 entries or more, and a billion tokens
# with all of them, at two bytes each, would be 100 terabytes. So people keep the **top k**. What becomes of the rest?
#
# - **Renormalise**: blow the k up to a sum of 1, as if nothing else could come.
# - **Renormalise both**: compare the k tokens among themselves, in the student, too. This is in use, and it says nothing
#   about all the others. A student that gives the k a hundredth of its probability, in the right ratios, has a loss of 0.
# - **Bucket**: one more class, *anything else*. The student is told how much belongs there, not to whom.
#
# ### ✎ Exercise 12.5 · The rest in a bucket  (12 minutes, hard)
#
# If all characters are kept, the bucket is empty, and the loss is the usual KL.


# %%
def bucket_divergence(student_logits, ids, log_probabilities):
    """KL(teacher || student) if only k of the teacher's log-probabilities (N, k) are kept; one bucket for the rest."""
    ...


lesson.bucket_divergence.check(bucket_divergence)
# lesson.bucket_divergence.hint()
# lesson.bucket_divergence.solution()

# %% [markdown]
# Another way: do not keep the likeliest, **draw**. k draws from the teacher's distribution, each worth $1/k$. At one place
# that is a poor picture. But it is right *on average*: what is drawn rarely is drawn now and then. A statistician says: top
# k is **biased**, draws are **unbiased**, and noise averages out over many places where a bias does not (Anshumann et al.
# 2025).
#
# ### ✎ Exercise 12.6 · Few draws, right on average  (8 minutes, medium)


# %%
def sampled_targets(logits, draws, generator):
    """For each row of logits (M, V): a few draws from its softmax, as target weights (M, V): the shares of the draws."""
    ...


lesson.sampled_targets.check(sampled_targets)
# lesson.sampled_targets.hint()
# lesson.sampled_targets.solution()

# %% [markdown]
# > **Predict.** Keep the top 2 of each place, renormalised, and take the mean over all 20 000 places. Which characters get
# > less than their due? A student that learns from this: what will be missing in its text? And with 2 draws?


# %%
def kept_on_average(cache, renormalise=False):
    """The mean over all places of what a cache gives each of the 39 characters."""
    weights = cache.weights / cache.weights.sum(1, keepdim=True) if renormalise else cache.weights
    return torch.zeros(len(few), 39).scatter_add(1, cache.ids, weights).mean(0)


due = few_logits.softmax(1).mean(0)
top, drawn = token_caches.top_k_cache(few_logits, 2), token_caches.sampled_cache(few_logits, 2, torch.Generator())
shares = {"top 2, renormalised": kept_on_average(top, True) / due, "2 draws": kept_on_average(drawn) / due}
order = due.argsort(descending=True)
signs = ids_of(".;-!")
assert shares["top 2, renormalised"][signs].max() < 0.1 and (shares["2 draws"][order[:21]] - 1).abs().max() < 0.25
print("of full stops, semicolons, hyphens and ! the top 2 keep less than a tenth of what the teacher gives them: ok")
print("of the 21 most frequent characters 2 draws keep the right share to within a quarter: ok")
print("bytes for 20 000 characters:", few_logits.numel() * 2, "all,", top.nbytes, "top 2,", drawn.nbytes, "2 draws")
characters = [tokenizer.vocabulary[i] for i in order]
plots.kept_shares(characters, {name: share[order].tolist() for name, share in shares.items()})

# %%
names = {"top, renormalised": "top k, renormalised", "top, both renormalised": "top k, both renormalised",
         "top, bucket": "top k and a bucket", "sampled": "draws"}  # fmt: skip
kinds = {name: {} for name in names.values()}
for row in recorded["caches"]:
    if row["kind"] in names:
        point = kinds[names[row["kind"]]].setdefault(round(row["bytes"]), {"bits": []})
        point["bits"].append(row["test"])
        if row["kind"] in ("top, renormalised", "sampled"):  # the others do not say who gets the rest
            point.setdefault("bias", []).append(row["bias"])
full = torch.tensor([row["test"] for row in recorded["caches"] if row["kind"] == "full"])
for size, bits in ((2, 0.3), (4, 0.1)):
    reached = {kind: torch.tensor([row["test"] for row in recorded["caches"] if (row["kind"], row["size"]) == (kind, size)])
               for kind in names}  # fmt: skip
    assert (reached["sampled"] < reached["top, renormalised"] - bits).all()
    assert (reached["sampled"] < reached["top, bucket"]).all()
    assert (reached["sampled"] < reached["top, both renormalised"]).all()
print("2 or 4 draws beat top 2 or top 4, whatever is done about the rest, on every seed: ok")
plots.cache_curves(kinds, full=full.mean().item())

# %% [markdown]
# <details><summary>What happened</summary>
#
# - **Renormalised** is bad at every size. On the right you see why: its error on average stays large until k is
#   large. No amount of text will cure that; a student that learned from the top 2 will hardly ever end a sentence.
# - **Both renormalised** is by far the worst, 5 bits with the top 2, hardly better than a student that finds all alike:
#   nothing tells it what *not* to write. (In a student that begins with a language model's weights, which knows that
#   already, the harm may be smaller. That was not tried here.)
# - **A bucket** admits that there is more, without saying what. The student is free there, and guesses.
# - **Draws** need the fewest bytes (a character that is drawn twice is stored once) and teach the most. Four of them, 7
#   bytes, come within 0.06 bits of all 39 probabilities in 78. At any single place they are further off than the top 4; on
#   average over the text they are right, and averages are what a student learns from.
# </details>
#
# (All with the learning rate that was best with all 39 probabilities.)
#
# One draw for each character is an old friend: it is the control of section 5, and, but for the beginnings, training on text
# that the teacher wrote.
#
# ## Quiz

# %%
lesson.quiz

# %% [markdown]
# ## Summary
#
# - A language model guesses the next token; bits per character say how much probability it gave to what came. Check the
#   shift by one, and that nothing moves *before* a character that you change.
# - Soft targets at every place teach more per step than text, because they carry the whole distribution. At $T = 1$: that is
#   where the teacher is honest, and where the student is asked.
# - A text that the teacher *drew* is as good as a real one. Its likeliest texts, greedy or beam, are not.
# - Too small a student must choose its faults. Forward KL keeps everything possible, and rambles. Reverse KL stays with
#   what is safe, and is wrong about the rest. The generalised JSD is a good compromise; at its ends the formula is 0.
# - Where the teacher has to be asked in each step, it is what a step costs. Keeping its answers costs the same once.
# - Top k is biased, draws are not. A cache that is wrong at each place, but right on average, teaches better.
#
# **Left out.** Words and word pieces (lesson 13 has them); the student's own text (lesson 14); sequence-level interpolation (Kim & Rush); students whose tokens
# differ from the teacher's; anything about large models that only large models show.
#
# **References**
#
# - Y. Kim, A. M. Rush: *Sequence-Level Knowledge Distillation*, EMNLP 2016, arXiv 1606.07947.
# - R. Agarwal et al.: *On-Policy Distillation of Language Models: Learning from Self-Generated Mistakes* (GKD), ICLR 2024,
#   arXiv 2306.13649.
# - Anshumann et al.: *Sparse Logit Sampling: Accelerating Knowledge Distillation in LLMs*, ACL 2025, arXiv 2503.16870.
# - A. Radford et al.: *Language Models are Unsupervised Multitask Learners* (GPT-2), 2019. O. Press, L. Wolf: *Using the
#   Output Embedding to Improve Language Models*, EACL 2017: weight tying.
# - The jump at the ends of the generalised JSD: pull request 3043 and issue 6780 of huggingface/trl.
# - H. Melville: *Moby-Dick; or, The Whale*, 1851.
#
# **Next:** [13 · Distilling an LLM](13_distilling_an_llm.ipynb).
