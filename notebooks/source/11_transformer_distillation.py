# %% [markdown]
# # 11 · Transformer distillation
#
# *Two hundred labels, a student small enough to train while you watch, and a teacher that has read a great deal more.*
#
# | | |
# |---|---|
# | **Time** | 100 minutes alone, 60 in class (skip exercises 11.5 to 11.7 and sections 8 and 9) |
# | **Builds on** | [04 · A student that learns while you watch](04_mlp_distillation.ipynb) and what it builds on |
#
# **After this lesson you can**
#
# - read a transformer encoder line by line, and say where its masks belong,
# - name four things inside a transformer that a student can imitate, and write a loss for each,
# - say why relations need no projection, and prove it with a rotation,
# - make a few labels go further with a pretrained network, and say honestly what made the difference,
# - start a student from its teacher's layers, as DistilBERT does.

# %%
import copy
from dataclasses import replace

import torch
from torch.nn import functional as F

import kdlab
from kdlab import data, losses, models, plots, teachers, text, training, widgets
from kdlab.exercises import transformer_distillation as lesson
from kdlab.metrics import accuracy
from kdlab.teachers import predict_logits

kdlab.setup()
reviews = data.load_reviews()
teacher = teachers.load_review_teacher()
recorded = data.load_results("reviews")

# %% [markdown]
# ## 1 · What people say about a sentence
#
# Here is a task without a single right answer: is a sentence from a film review *positive* or *negative*? 15 to 29
# people read each of 10 605 sentences and rated it from −4 to 4.
#
# > **Predict.** “The film is just a big, gorgeous, mind blowing, breath taking mess.” How many of them found that
# > positive?

# %%
chosen = [3652, 4393, 417, 840, 1545]
shown = reviews.train
plots.rated_sentences(
    [shown.sentences[i] for i in chosen], [shown.ratings[i] for i in chosen], [shown.soft[i] for i in chosen]
)

# %% [markdown]
# On the right: the share of people who found it negative and positive (a rating of 0 counts half for either). That is
# a **soft label made by people**, and it does what a teacher's soft target does: it says which sentences are clear, and
# which are not. The **label** is the sign of the mean rating, one word.

# %%
labels = torch.from_numpy(reviews.train.labels)
people = torch.from_numpy(reviews.train.soft)
print([f"{len(split)} sentences" for split in reviews])

share = people[torch.arange(len(labels)), labels].mean()
assert abs(share - 0.925) < 0.002 and abs(labels.float().mean() - 0.5) < 0.01
print("on average 92 to 93 % of the people agree with the label, and half of the labels are positive: ok")

# %% [markdown]
# The three piles are training, validation and test, split *by sentence*: no rating of a test sentence is seen in
# training. Keep the 92 % in mind. A model that agrees with the label more often than that knows the crowd's opinion
# better than a single member does.
#
# ## 2 · Words to numbers
#
# A network reads numbers. A **tokenizer** cuts a sentence into words and signs and looks each up in a vocabulary.

# %%
tokenizer = text.WordTokenizer.train(reviews.train.sentences)
print(len(tokenizer), "entries, the first are", tokenizer.vocabulary[:12])

two = ["It isn't bad.", "A splendiferous film, start to end!"]
ids, mask = tokenizer.encode(two)
print(ids, *map(tokenizer.decode, ids), sep="\n")

# %% [markdown]
# > **Predict.** `splendiferous` became `[unk]`, id 1. Which words does a vocabulary made from the training sentences
# > not know? What would go wrong if we made it from *all* sentences?
#
# <details><summary>Which words, and what would go wrong</summary>
#
# It has every word that occurs at least twice in the training sentences. The others share one entry: a word seen once
# would get a vector that is mostly its random start. And a word that only test sentences have must stay unknown, or the
# test would not be a test.
# </details>
#
# Sentences differ in length, tensors do not. So short ones are filled up with **padding**, id 0, and a **mask**
# remembers what is real.
#
# ### ✎ Exercise 11.1 · Padding and mask  (6 minutes, easy)


# %%
def pad_and_mask(rows):
    """ids int64 (N, L), filled up with 0 to the longest row, and mask bool (N, L), True where a token counts."""
    ...


lesson.pad_and_mask.check(pad_and_mask)
# lesson.pad_and_mask.hint()
# lesson.pad_and_mask.solution()

# %% [markdown]
# From here on kdlab's tokenizer does it. The 2 that opens each sentence is `[cls]`, an entry that stands for no word;
# `decode` leaves it out. One sentence in six has more than 32 tokens; the rest of it is cut off, for speed.

# %%
ids, validation_ids, test_ids = (torch.from_numpy(tokenizer.encode(split.sentences, length=32)[0]) for split in reviews)
validation_labels, test_labels = (torch.from_numpy(split.labels) for split in reviews[1:])
print(ids[417, :18], tokenizer.decode(ids[417]), sep="\n")

# %% [markdown]
# ## 3 · A transformer, line by line
#
# This is an **encoder**: it turns a sentence into one vector for each of its tokens. Each id becomes a vector, a row of
# a table: the **embedding**. How many numbers the vector has is the network's **width**. It knows the word, but nothing
# of the sentence. In “not bad” the vector of *bad* ought to hear of the *not*. That is what **attention** is for. Each
# token makes three vectors of its own:
#
# - a **query**: what am I looking for?
# - a **key**: what have I to offer?
# - a **value**: what do I pass on to those who look at me?
#
# Query times key is a **score**: how much should this token look at that one? Softmax turns each token's scores into
# weights that sum to 1, and the token takes the mean of all *values* with these weights:
#
# $$\mathrm{attention}(Q, K, V) = \mathrm{softmax}\!\left(\frac{Q K^\top}{\sqrt d}\right) V$$
#
# Several such looks, each with queries, keys and values of its own, run side by side. They are called **heads**. All
# tensors below are (sentences, heads, tokens, d).
#
# > **Predict.** A sum of d products of random numbers of size 1: how large is it, typically? Why divide by $\sqrt d$?
#
# ### ✎ Exercise 11.2 · Attention with a mask  (12 minutes, medium)
#
# Padding must not be looked at. A weight of exactly 0 is what softmax makes of a score of $-\infty$.


# %%
def attention(queries, keys, values, mask):
    """softmax(queries · keys / √d) · values for each head; no token looks at a masked one. Shape of the values."""
    ...


lesson.attention.check(attention)
# lesson.attention.hint()
# lesson.attention.solution()

# %% [markdown]
# <details><summary>My result is <code>nan</code> at the end of short sentences</summary>
#
# You have hidden a whole row, and softmax of nothing but $-\infty$ is 0/0. Padding may look at whatever it likes, as
# long as nobody looks at *it*. What it sees is thrown away at the end.
# </details>
#
# <details><summary>And √d?</summary>
#
# A sum of d products of random numbers of size 1 is typically of size √d: 8 for d = 64. Undivided, wide heads
# would have large scores, softmax would give nearly all weight to one token, and little gradient would be left.
# </details>
#
# The rest of a transformer's layer is two tricks and a small network. The tricks: *add* what is new to what came in, so
# that nothing gets lost (**residual connection**), then bring each vector back to mean 0 and spread 1 (**layer norm**).
# The small network works on each token alone: up to more numbers, through `gelu` (a ReLU with a round corner), and down
# again. Here is all of it; `layer` holds only the weights.


# %%
def encoder_layer(layer, state, mask):
    def heads(x):  # cut the width into pieces, (N, L, heads, d), then put heads before tokens: (N, heads, L, d)
        return x.unflatten(-1, (layer.heads, -1)).transpose(1, 2)

    queries, keys, values = heads(layer.query(state)), heads(layer.key(state)), heads(layer.value(state))
    scores = queries @ keys.transpose(-1, -2) / queries.shape[-1] ** 0.5  # (N, heads, who looks, who is looked at)
    looked_at = mask[:, None, None, :]  # (N, 1, 1, L): the same for every head and for everyone who looks
    weights = scores.masked_fill(~looked_at, float("-inf")).softmax(-1)
    mixed = layer.mix((weights @ values).transpose(1, 2).flatten(2))  # the heads side by side again: (N, L, width)
    state = layer.attention_norm(state + mixed)  # add, then normalise
    return layer.norm(state + layer.down(F.gelu(layer.up(state))))  # the small network; add, normalise


def read(model, ids):
    """Logits (N, 2) of a TextClassifier for token ids (N, L)."""
    mask = ids != 0
    state = model.norm(model.tokens(ids) + model.positions.weight[: ids.shape[1]])
    for layer in model.layers:
        state = encoder_layer(layer, state, mask)
    pooled = (state * mask[..., None]).sum(1) / mask.sum(1, keepdim=True)  # one vector: the mean of those that count
    return model.head(pooled)


# %% [markdown]
# Attention itself does not know the order of the words: a sum has none. So each place has a vector, too, and
# `positions` is added to the embedding at the start. And mind a word with two meanings: `model.head`, the last linear
# layer, which makes logits of the pooled vector, has nothing to do with the heads of attention. kdlab's
# `TextClassifier` is this network (and can do dropout). Does ours agree?
#
# > **Predict.** And if we append twenty columns of padding: do the logits change?

# %%
model = models.TextClassifier(len(tokenizer), width=32, heads=4, layers=1, seed=0)
with torch.no_grad():
    ours, theirs = read(model, ids[:50]), model(ids[:50])
    padded = read(model, F.pad(ids[:50], (0, 20)))

print("largest difference from kdlab's is below 1e-5:", bool((ours - theirs).abs().max() < 1e-5))
print("largest change by padding is below 1e-5:", bool((ours - padded).abs().max() < 1e-5))
assert torch.allclose(ours, theirs, atol=1e-5) and torch.allclose(ours, padded, atol=1e-5)

# %% [markdown]
# ## 4 · What there is to imitate
#
# Our teacher is a transformer as well: **all-MiniLM-L6-v2**, six layers, width 384, twelve heads. Its name says that
# it was distilled itself. Its makers then trained it on a billion pairs of sentences, to put those of like meaning
# close together. So it is **pretrained**: it knew the language before it saw a review.
# `benchmarks/train_review_teacher.py` **fine-tuned** it, that is, trained it a little further on our training
# sentences. You need not install it. What it says is kept in `data/`: its logits, the vector that it made of each
# sentence *before* fine-tuning, and for 24 sentences its inside.
#
# So far a teacher was ten logits. A transformer has more to show. First ask whether the teacher is any good, then ask
# our own little one for all it has:

# %%
for part, truth in ((teacher.validation, validation_labels), (teacher.test, test_labels)):
    assert 0.81 < accuracy(part.logits, truth) < 0.87
print("the teacher agrees with 81 to 87 % of the labels of sentences that it was not trained on: ok")

with torch.no_grad():
    details = model(ids[:50], details=True)
for name, value in details.items():
    shapes = tuple(value.shape) if torch.is_tensor(value) else [tuple(part.shape) for part in value]
    print(f"{name:10}", shapes)

# %% [markdown]
# | imitate | what it is | who does so |
# |---|---|---|
# | **logits** | the answer | all, since lesson 03 |
# | **states** | each token's vector after each layer | TinyBERT: squared difference; DistilBERT: cosine, last layer |
# | **attention** | who looks at whom | TinyBERT: scores, squared difference; MiniLM: weights, KL, last layer |
# | **relations** | which tokens' values are alike | MiniLM |
#
# In the `transformers` library the switch is called `output_hidden_states=True`. The article
# `002_5d84a4db16eef704.txt` takes `outputs.hidden_states[-1]` without it: that is `None[-1]`, a TypeError.
#
# Now look inside the teacher. A head's weights for one sentence make a **map**: a row belongs to the token that looks,
# a column to what it looks at. `[CLS]` opens every sentence, `[SEP]` closes it.
#
# > **Predict.** “The film's center will not hold.” Whom does *not* look at?
#
# > **Goal.** One head of layer 1 does nothing but look at the word before, and one head of layer 2 mostly at the next.
# > Find them. Then choose other heads, and other sentences: at what do *most* heads look?

# %% tags=["nbval-ignore-output"]
try:
    pieces, real_teacher = teachers.load_pretrained_review_teacher()
    reads, answers = widgets.sentence_attention(pieces, real_teacher), widgets.sentence_logits(pieces, real_teacher)
except teachers.MissingExtra as missing:  # which is fine: the lesson shows what it said when it was there
    real_teacher, reads, answers = None, None, str(missing)
examples = {"sentences": reviews.test.sentences, "teacher": reads}
widgets.AttentionPanel(teacher.examples, **examples, sentence="The film's center will not hold.")


# %%
def mean_weight(shift):
    """How much each head (6, 12) gives to the token that stands `shift` places away, on average."""
    return torch.stack([e.attentions.diagonal(shift, -2, -1).mean(-1) for e in teacher.examples]).mean(0)


before, after = mean_weight(-1), mean_weight(1)
opening = torch.stack([e.attentions[..., 0].mean(-1) for e in teacher.examples]).mean(0)
for name, weight in (("the word before", before), ("the next word", after), ("[CLS]", opening)):
    layer, head = divmod(int(weight.argmax()), 12)
    print(f"{name:15} is looked at most by head {head + 1} of layer {layer + 1}")
assert before[0, 2] > 0.95 and after[1, 8] > 0.5 and opening[1:4].mean() > 0.5
print("in layers 2 to 4, more than half of all attention goes to the opening [CLS]: ok")

example = next(e for e in teacher.examples if "hold" in e.tokens)
rows = example.attentions.mean(1)[:, example.tokens.index("not")]  # the mean of the heads: (6, L)
print("“not” looks most at, in layers 1 to 6:", *(example.tokens[i] for i in rows.argmax(-1)))

# %% [markdown]
# <details><summary>What happened</summary>
#
# Some heads have a job that one can name. But most look at `[CLS]`, which means nothing: a place to look when there is
# nothing to look for. So does *not* in four of six layers, in the mean of the heads; *hold*, which it denies, is
# first in none. Attention is not an explanation of an answer. It is one of the things that a student can imitate.
# </details>
#
# ### Which layer answers for which?
#
# A student has fewer layers than its teacher. Its third and last layer should know what the teacher's sixth knows.
#
# ### ✎ Exercise 11.3 · Who answers for whom  (4 minutes, easy)
#
# Cut the teacher into equal blocks, one for each layer of the student. Layers count from 1, as in `states[layer]`,
# where `states[0]` is the embedding.


# %%
def layer_map(teacher_layers, student_layers):
    """For each layer of the student, from below: the teacher's layer that ends the same share of the way, from 1."""
    ...


lesson.layer_map.check(layer_map)
# lesson.layer_map.hint()
# lesson.layer_map.solution()

# %% [markdown]
# TinyBERT maps its 4 layers to 3, 6, 9 and 12 of BERT's 12: every third. MiniLM does not map at all and imitates the
# *last* layer only; then a student may have as many layers as it likes.
#
# ## 5 · Losses for the inside
#
# **States.** The difference of two vectors, squared. But our student's vectors have 32 numbers and the teacher's 384. A
# **projection**, a matrix (32, 384) that is learned along with the student and thrown away afterwards, translates.
#
# ### ✎ Exercise 11.4 · Hidden states, another width  (8 minutes, medium)
#
# The teacher only teaches: no gradient flows into its states. That holds in the next three exercises, too.


# %%
def hidden_state_loss(student_states, teacher_states, projection, mask):
    """Mean of (student @ projection - teacher)² over the tokens that count and the teacher's width."""
    ...


lesson.hidden_state_loss.check(hidden_state_loss)
# lesson.hidden_state_loss.hint()
# lesson.hidden_state_loss.solution()

# %% [markdown]
# <details><summary>My loss falls when sentences get shorter</summary>
#
# You divide by all places, padding included. The more padding, the smaller the mean, and a batch with one long sentence
# looks like a success.
# </details>
#
# DistilBERT's student is as wide as its teacher and needs no projection. It compares directions only:
#
# ### ✎ Exercise 11.5 · The direction only  (5 minutes, easy)


# %%
def hidden_cosine_loss(student_states, teacher_states, mask):
    """Mean of 1 - cos(student's state, teacher's state) over the tokens that count."""
    ...


lesson.hidden_cosine_loss.check(hidden_cosine_loss)
# lesson.hidden_cosine_loss.hint()
# lesson.hidden_cosine_loss.solution()

# %% [markdown]
# <details><summary>My result is larger than 2</summary>
#
# No cosine is below -1, so no mean of 1 - cosine is above 2. Did you add the tokens up, or forget to divide by lengths?
# </details>
#
# **Attention.** Each row of a map is a distribution, and you know how to compare distributions. MiniLM takes the KL
# divergence of each row, and the mean over rows and heads.
#
# One trap: $-\infty$ hides well in exercise 11.2, but a KL divergence takes logarithms, and 0 times $-\infty$ is `nan`.
# Hide with a large negative number here.
#
# ### ✎ Exercise 11.6 · Look where the teacher looks  (12 minutes, hard)


# %%
def attention_kl_loss(student_scores, teacher_scores, mask):
    """KL(teacher's attention || student's), the mean over heads and tokens that look; scores (N, heads, L, L)."""
    ...


lesson.attention_kl_loss.check(attention_kl_loss)
# lesson.attention_kl_loss.hint()
# lesson.attention_kl_loss.solution()

# %% [markdown]
# <details><summary>My result is much too small, or it depends on how much padding there is</summary>
#
# `F.kl_div(..., reduction="mean")` divides by every entry of the table, also by the columns, over which KL is a sum.
# And `"batchmean"` divides by the first dimension only, with the rows of the padding among the sum. What should it
# divide by?
# </details>
#
# An attention map is L × L, whatever the width. That is the charm of it: no projection. But the student needs as many
# heads as the teacher, and there is more in a layer than where it looks. **What** is passed on stands in the values.
# MiniLM makes an L × L table of these too: how alike are the values of any two tokens?
#
# $$R = \mathrm{softmax}\!\left(\frac{V V^\top}{\sqrt d}\right)$$
#
# ### ✎ Exercise 11.7 · Relations need no projection  (10 minutes, hard)
#
# Student and teacher may have different widths. Use `losses.attention_kl_loss(student, teacher, mask=mask)`. To keep it
# short, all values of a token count as one head here. (MiniLM has a table for each head, and needs equal numbers of
# them; MiniLMv2 cuts both models' values anew into equally many.)


# %%
def value_relation_loss(student_values, teacher_values, mask):
    """KL(teacher || student) of softmax(V Vᵀ / √d), the mean over the tokens that count; values (N, L, own width)."""
    ...


lesson.value_relation_loss.check(value_relation_loss)
# lesson.value_relation_loss.hint()
# lesson.value_relation_loss.solution()

# %% [markdown]
# ### Turn the values
#
# Why does that need no projection? Take our little network and make a twin: **rotate** all values of each head, in its
# 8 dimensions, and let the matrix behind it (`mix`) rotate them back. The twin knows exactly what the other knows. (A
# bias would have to turn, too; in a fresh network it is 0. `heads=4` compares head by head, as MiniLM does.)
#
# > **Predict.** Do both give the same logits? And if one is the other's teacher: which of the three losses says
# > “perfect”, squared difference, cosine, or relation?

# %%
draws = torch.Generator().manual_seed(0)
turn = torch.block_diag(*[torch.linalg.qr(torch.randn(8, 8, generator=draws)).Q for _ in range(4)])
twin = copy.deepcopy(model)
with torch.no_grad():
    twin.layers[0].value.weight.copy_(turn.T @ model.layers[0].value.weight)
    twin.layers[0].mix.weight.copy_(model.layers[0].mix.weight @ turn)
    one, other = (network(ids[:50], details=True) for network in (model, twin))
print("largest difference of the logits is below 1e-5:", bool((one["logits"] - other["logits"]).abs().max() < 1e-5))

stranger = models.TextClassifier(len(tokenizer), width=32, heads=4, layers=1, seed=1)(ids[:50], details=True)
v, w, x = (details["values"][0].transpose(1, 2).flatten(2) for details in (one, other, stranger))
mask = ids[:50] != 0
found = {
    "squared difference": losses.hidden_state_loss(v, w, mask=mask) / v[mask].square().mean(),
    "cosine": losses.hidden_cosine_loss(v, w, mask=mask),
    "relation": losses.value_relation_loss(v, w, heads=4, mask=mask),
    "relation to a stranger's values": losses.value_relation_loss(v, x, heads=4, mask=mask),
    "squared difference, right projection": losses.hidden_state_loss(v, w, projection=turn, mask=mask),
}
assert found["squared difference"] > 1 and found["cosine"] > 0.6 and found["relation"] < 1e-4
for name, value in found.items():
    print(f"{name:37}", "perfect" if value < 1e-4 else "far from it")

# %% [markdown]
# <details><summary>What happened</summary>
#
# Which way the axes point is an accident of training. Squared differences and cosines ask the student to repeat the
# accident, unless a projection takes it out. Products of vectors do not see it:
#
# $$(VQ)(VQ)^\top = V Q Q^\top V^\top = V V^\top$$
# </details>
#
# Lesson 09 does the same with relations between *pictures*.
#
# One warning before you use any of these: student and teacher must have **the same tokens**. The teacher cuts
# `moviemaking` into `movie` and `##making`, our student takes whole words. Their rows do not match, and none of these
# losses makes sense between them. So the small student of the next section learns from logits. Section 8 has one that
# reads as its teacher does.
#
# ## 6 · Three teachers for one student, and a control
#
# Now the experiment. Labels are expensive: say, 200 sentences have been rated and 7405 have not. Who should teach the
# student?
#
# | teacher | tells the student |
# |---|---|
# | hard labels | one word about each of the 200 |
# | people | what share found it positive, about each of the 200 |
# | a pretrained encoder | what it thinks, about *all* 7605: nobody needs to have rated those |
# | its argmax | its bare decisions about all 7605: the control, as in lesson 05 |
#
# To be fair, the third must not know more labels than the student. The fine-tuned teacher knows 7605, so it is out.
# Take the encoder **as published**, frozen, and train nothing but a head, one linear layer, on its sentence vectors,
# with the *same* 200 labels. 100 short steps; it takes no time.

# %%
splits = (teacher.train, teacher.validation, teacher.test)
mean, sd = teacher.train.pooled.mean(0), teacher.train.pooled.std(0)
vectors = [(split.pooled - mean) / sd.clamp(min=1e-6) for split in splits]  # three of the 384 are as good as 0


def frozen_teacher(few, seed=0):
    """A head for the frozen encoder's vectors, trained on the labels of these few sentences."""
    head = models.MLP(384, 2)
    torch.nn.init.zeros_(head.layers[0].weight)  # undecided at first
    training.fit(head, vectors[0][few], labels[few], recipe=training.Recipe(steps=100, seed=seed))
    return head


def draw(labelled, seed=0):
    return torch.randperm(len(labels), generator=torch.Generator().manual_seed(seed))[:labelled]


reached = accuracy(predict_logits(frozen_teacher(draw(200)), vectors[1]), validation_labels)
assert 0.64 < reached < 0.76
print("200 labels and a frozen encoder: validation accuracy 0.64 to 0.76: ok")

# %%
recipe = training.Recipe(temperature=1, alpha=0, steps=150, batch_size=64, learning_rate=1e-2)
votes = people.clamp(0.02, 0.98).log()  # logits whose softmax at T = 1 is what people said; nobody is quite sure


def look(student):
    return {"accuracy": accuracy(predict_logits(student, validation_ids, 250), validation_labels)}


def start(inputs, labels, soft=None, *, seed):
    student = models.TextClassifier(len(tokenizer), width=32, heads=4, layers=1, seed=seed)
    plan = replace(recipe, seed=seed)
    return student, training.train(student, inputs, labels, soft, recipe=plan, evaluate=look, evaluate_every=50)


def four_students(labelled, seed):
    few = draw(labelled, seed)
    opinion = predict_logits(frozen_teacher(few, seed), vectors[0])
    return {
        "hard labels": start(ids[few], labels[few], seed=seed),
        "people": start(ids[few], labels[few], votes[few], seed=seed),
        "teacher's argmax": start(ids, opinion.argmax(1), seed=seed),
        "distilled": start(ids, opinion.argmax(1), opinion, seed=seed),  # alpha = 0: no label is used
    }


def teacher_line(labelled):
    """What the frozen teacher itself reaches: a dotted line in the panel."""
    opinion = predict_logits(frozen_teacher(draw(labelled)), vectors[1])
    return {"frozen teacher": {"accuracy": accuracy(opinion, validation_labels)}}


# %% [markdown]
# > **Predict.** A coin gets 50 %. With 200 labels, what will the four students reach? Which two will be close to each
# > other?

# %%
panel = widgets.ExperimentPanel(
    four_students,
    controls=[widgets.Control("labelled", "labelled sentences", [200, 1000, 7605], 200)],
    measures={"accuracy": ("Accuracy on 1000 validation sentences", (0.45, 0.85))},
    against="labelled",
    references=teacher_line,
    steps=recipe.steps,
)
panel.show_and_run()

# %%
race = dict(panel.students)  # the four students, kept for section 7, whatever you do in the panel
outcome = panel.outcomes[0]
assert outcome["distilled"]["accuracy"] > outcome["hard labels"]["accuracy"] + 0.04
print("200 labels: the student of the frozen encoder is at least 4 points ahead of hard labels: ok")

# %% [markdown]
# <details><summary>What happened</summary>
#
# The student that hears 200 labels hardly beats a coin: most words it has met once or never. The student that hears
# an opinion about *all* sentences, from a teacher that has seen the very same 200 labels, is far ahead, and about
# level with that teacher (the dotted line). Close to each other are the two that hear of the same sentences: *people*
# and *hard labels*, *distilled* and its control. (The cell asks for 4 points, since one run can be unlucky. Recorded
# runs stand below.)
# </details>
#
# Now play: **Start** runs the next seed, the slider changes the number of labels.
#
# > **Goal 1.** With 1000 labels, which of the four is best? By how much, compared with the scatter of two or three
# > seeds?
#
# > **Goal 2.** With *all* labels, does the frozen teacher still help?
#
# Here is the whole picture, *recorded*, with the teachers themselves in amber. This student is not even a transformer
# but a **bag of words**: the mean of the words' vectors and one hidden layer, which knows nothing of their order. The
# teachers' heads are linear, too, but trained to the end, with a penalty chosen by cross-validation within the same
# labels.

# %%
rows = [row for row in recorded["few_labels"] if row["student"] == "bag of words"]
plots.few_review_labels(rows, recorded["teachers"], seeds="5 seeds")


# %%
def runs(arm, labels, student="bag of words"):
    """Recorded test accuracies in percent, one for each seed."""
    this = {"student": student, "arm": arm, "labels": labels}.items()
    found = {row["seed"]: 100 * row["test"] for row in recorded["few_labels"] if this <= row.items()}
    return torch.tensor([found[seed] for seed in range(5)])


taught, hard = "teacher, all sentences", "hard labels"
for count, ours, theirs in (
    (200, taught, hard), (200, "teacher, same sentences", hard), (200, "people", hard),
    (200, taught, "teacher's argmax"), (1000, taught, "teacher's argmax"), (7605, taught, "teacher's argmax"),
    (7605, "people", hard), (7605, taught, hard), (7605, "fine-tuned teacher", hard),
):  # fmt: skip
    each = runs(ours, count) - runs(theirs, count)
    print(f"{count:4} labels, {ours} against {theirs}: {each.mean():+.1f} ± {each.std():.1f} points")

for student in ("bag of words", "TextClassifier"):
    each = runs(taught, 200, student) - runs(hard, 200, student)
    assert each.mean() > 5 * each.std() and each.mean() > 8
print("for both kinds of students the gain at 200 labels is more than 5 times the scatter of one seed: ok")
each = runs(taught, 200, "TextClassifier") - runs(taught, 200)
print(f"TextClassifier against bag of words: {each.mean():+.1f} ± {each.std():.1f} points")

# %% [markdown]
# (The figure behind ± is the standard deviation of a single seed.)
#
# - **200 labels.** Ten points more, from sentences that nobody has rated: nine times the scatter of one seed. The
#   student (69.4 %) ends level with its teacher (69.7 %).
# - **It is the sentences.** On the *same* 200 sentences the same teacher gives nothing that one could measure. And on
#   all sentences its bare decisions (*pseudo-labels*) give nearly as much as its soft targets. With 1000 labels and
#   with all, soft targets win on each of the five seeds, but in the mean by less than a point.
# - **People.** Their soft labels are the most honest there are, and gain the bag of words half a point at best.
# - **All labels.** The frozen teacher (78 %) is now hardly better than a student with labels (76 %), and *its* student
#   falls behind. Even the fine-tuned teacher (84 %) hands on next to nothing. Perhaps because there are no further
#   sentences to talk about; perhaps because it was fine-tuned on these very sentences, and is right about 88 % of them.
#   No run here tells the two apart.
# - **Attention?** With 200 labels a TextClassifier of two layers gains as much, but ends no higher than the bag of
#   words. What word order is good for was not learned here. The teacher learned it elsewhere.
#
# ## 7 · Type a sentence
#
# Here are the four students of section 6, and the teacher if it is installed. Type, and watch each word move them.
#
# > **Predict.** What will the students make of “Not bad.”? And which of them is the surest, on the whole?
#
# > **Goal.** Find two sentences of the same words, one praise and one not. Which students do they fool?

# %%
asked = {name: widgets.sentence_logits(tokenizer, student) for name, student in race.items()}
widgets.SentencePanel({"teacher": answers, **asked}, examples=reviews.test.sentences[:8])

# %%
student_says = {name: ask(["Not good.", "Not bad."]).softmax(1)[:, 1] for name, ask in asked.items()}
assert all(good > 0.5 > bad for good, bad in student_says.values())
print("all four students take “Not good.” for praise, and “Not bad.” for the opposite: ok")
if real_teacher is not None:
    good, bad = answers(["Not good.", "Not bad."]).softmax(1)[:, 1]
    assert good < 0.3 and bad > 0.9

certain = {
    name: predict_logits(student, validation_ids, 250).softmax(1).amax(1).mean().item()
    for name, student in race.items()
}
assert certain["hard labels"] > 0.85 and certain["distilled"] < 0.75
print("hard labels: more than 85 % sure on average, and right in less than 65 %: ok")
print("distilled: less than 75 % sure on average: ok")

# %% [markdown]
# <details><summary>What happened</summary>
#
# The students read *words*. Their teacher reads sentences: it puts “Not good.” below 30 % and “Not bad.” above 90 %.
# What a few thousand sentences and three seconds of training hand over is which words are kind, not what *not* does to
# them. And look at the ends of the scale: the student with 200 hard labels knows least and is surest. It has learned
# them by heart.
# </details>
#
# And this is how a student's attention comes about. The next panel shows the teacher's maps beside those of a student
# that has learned nothing yet. Run the cell below it, and scroll back up while it runs.

# %%
few = draw(200)
opinion = predict_logits(frozen_teacher(few), vectors[0])
fresh, run = start(ids, opinion.argmax(1), opinion, seed=0)
maps = widgets.AttentionPanel(teacher.examples, **examples, student=fresh, tokenizer=tokenizer)
maps

# %%
for _ in maps.watch(run):
    pass
seen = [widgets.sentence_attention(tokenizer, fresh)(sentence)[1][0] for sentence in reviews.test.sentences[:50]]
nearby = [torch.stack([m.diagonal(shift, -2, -1).mean(-1) for m in seen]).mean(0).max() for shift in (-1, 1)]
assert max(nearby) < 0.3
print("no head gives 30 % to the word before, or to the next: ok")

# %% [markdown]
# Nobody told this student where to look: it learned from logits alone. You will not find the teacher's *word before*
# and *next word* in its maps. To count kind and unkind words one needs no order.
#
# ## 8 · The recipe of DistilBERT
#
# DistilBERT keeps the teacher's width, vocabulary and tokens, and *halves its layers*. Instead of random
# weights it **starts from every other layer of the teacher**. Then it learns with three losses: soft targets, the
# task, and the cosine of exercise 11.5.


# %%
def start_from(teacher, student, layers):
    """Give the student the teacher's embeddings and head, and these of its layers, counted from 1."""
    for part in ("tokens", "positions", "norm", "head"):
        getattr(student, part).load_state_dict(getattr(teacher, part).state_dict())
    for own, number in zip(student.layers, layers, strict=True):
        own.load_state_dict(teacher.layers[number - 1].state_dict())
    return student


def triple_loss(student, teacher, ids, labels):
    said, mask = student(ids, details=True), ids != 0
    with torch.no_grad():
        told = teacher(ids, details=True)
    soft = losses.distillation_loss(said["logits"], told["logits"], labels, temperature=2, alpha=0)
    hard = losses.cross_entropy(said["logits"], labels)
    cosine = losses.hidden_cosine_loss(said["states"][-1], told["states"][-1], mask=mask)
    return 5 * soft + 2 * hard + 1 * cosine


# %% [markdown]
# The weights 5, 2 and 1 are those of the authors' code, where the 2 belongs to guessing masked words in a large heap
# of text. Our heap is small; the labels take its place.
#
# > **Predict.** A six-layer network with every other layer taken out: before any training, is it still of use?


# %% tags=["nbval-ignore-output"]
def shorten(seed=0):
    """A three-layer student of the real teacher's width; 1536: that of the small network inside each layer."""
    return models.TextClassifier(30_522, width=384, heads=12, layers=3, inner=1536, longest=512, seed=seed)


curves = {}
if real_teacher is None:
    print(answers, "\n\nThe recorded result of the whole training is below.")
else:
    short, other = ([i for i, row in enumerate(rows) if (row != 0).sum() <= 12][:96] for rows in (ids, validation_ids))
    tokens, _ = teachers.tokenize(pieces, [reviews.train.sentences[i] for i in short])
    unseen, _ = teachers.tokenize(pieces, [reviews.validation.sentences[i] for i in other])
    for name, student in {
        "from alternate layers": start_from(real_teacher, shorten(), [2, 4, 6]),
        "random initial weights": shorten(),
    }.items():
        right = accuracy(predict_logits(student, unseen), validation_labels[other])
        print(f"{name}: right on {right:.0%} of 96 short validation sentences, before any training")
        optimizer, curves[name] = torch.optim.AdamW(student.parameters(), lr=1e-4), []
        for batch in torch.arange(96).split(16):
            loss = triple_loss(student, real_teacher, tokens[batch], labels[short][batch])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            curves[name].append(loss.item())
plots.short_training(curves) if curves else None

# %%
ends = {"from": [], "random": []}
for row in recorded["distilbert"]:
    ends[row["student"].split()[0]].append(row["test"])
assert min(ends["from"]) > max(ends["random"]) + 0.1
plots.distilbert_recipe(recorded["distilbert"], recorded["cost"], accuracy(teacher.test.logits, test_labels))

# %% [markdown]
# This was a short training run, *recorded*: 125 steps, in which the student sees 2000 of the 7605 sentences, and two
# seeds for each bar (the dots). Random weights had the larger learning rate, 3e-4 against 1e-4; the cell above uses
# 1e-4 for both.
#
# <details><summary>What happened</summary>
#
# One difference is large enough to trust all the same: the **start**. Three inherited layers are of use before the first
# step (if you have the extra, the cell above says how much: three quarters of short sentences right), and soon come near
# their teacher. The network from random weights has hardly begun. DistilBERT's authors call a good start crucial, and so
# it is here. Whether the triple loss adds anything to labels, for the student that inherits, two seeds cannot tell: ahead
# with one, level with the other.
# </details>
#
# What is saved? For one sentence at a time, half of the time and a little more. *Not* half of the weights: 11.7 of
# the teacher's 22.6 million are the table of word pieces, and the student needs all of it. (Lesson 15 makes tables
# smaller.) The TextClassifier in the figure, two layers of width 64, takes a twentieth of the teacher's time, the bag
# of words a two-hundredth. With 64 sentences at once: half, a forty-fifth, and less than a two-thousandth of its
# time.
#
# ## 9 · More sentences for nothing?
#
# In section 6 the *transfer set* did it: the sentences on which the student hears its teacher. Could we *make* some?
# Tang et al. (2019) distilled BERT into a small recurrent net and fed it sentences made from the training set's: each
# word masked with a certain probability, now and then only a snippet of a few words. (We left out a third rule: a word
# replaced by another of the same part of speech.) Such sentences have no label, but a teacher answers anything.
#
# > **Predict.** 200 sentences, and five changed copies of each, all with the frozen teacher's opinion. How much of what
# > all the real sentences gave will that give?

# %%
copies = [row for row in recorded["augmentation"] if row["arm"].startswith("200")]
none, five = ([row["test"] for row in copies if row["copies"] == count] for count in (0, 5))
assert len(none) == len(five) == 5 and sum(five) / 5 < sum(none) / 5 + 0.01
plots.augmented_reviews(copies, {"all 7605 real sentences": runs(taught, 200).mean() / 100})

# %% [markdown]
# <details><summary>What happened</summary>
#
# Nothing. Over five seeds the copies do a little harm, if anything (each arm has the same 300 steps). A masked or
# clipped sentence has the words that the 200 had anyway, and what the student lacks may be *other* words. The rule that
# we left out would bring in new ones.
# </details>
#
# ## Quiz

# %%
lesson.quiz

# %% [markdown]
# ## Summary
#
# - Padding must be hidden twice: from attention, and from every mean.
# - A transformer offers logits, states, attention and relations. States need equal widths or a projection, attention
#   needs equally many heads, relations of whole values need neither. All but the logits need the same tokens.
# - 200 labels and a frozen pretrained encoder: a student gains ten points from sentences that nobody has
#   labelled. Nearly all of it is the transfer set; the teacher's bare decisions do almost as well.
# - With all sentences labelled, even a much better teacher gave nothing that we could measure; with 200 labels a
#   teacher of 70 % gave ten points. Ask what it can tell the student that the labels do not.
# - A student that starts from its teacher's layers has most of the work behind it. It needs the teacher's width and
#   tokens.
#
# **Left out.** Pretraining itself, and distilling *during* it, where DistilBERT, TinyBERT and MiniLM do most of their
# work; decoders and generation (lesson 12); Patient KD; pruning heads; sentence pairs.
#
# **References**
#
# - A. Vaswani et al.: *Attention Is All You Need*, NeurIPS 2017.
# - V. Sanh, L. Debut, J. Chaumond, T. Wolf: *DistilBERT, a distilled version of BERT*, 2019, arXiv 1910.01108; the
#   weights 5, 2 and 1: README of `research_projects/distillation` in huggingface/transformers.
# - X. Jiao et al.: *TinyBERT: Distilling BERT for Natural Language Understanding*, Findings of EMNLP 2020.
# - W. Wang et al.: *MiniLM: Deep Self-Attention Distillation for Task-Agnostic Compression of Pre-Trained
#   Transformers*, NeurIPS 2020.
# - R. Tang et al.: *Distilling Task-Specific Knowledge from BERT into Simple Neural Networks*, 2019, arXiv 1903.12136.
# - C. J. Hutto, E. Gilbert: *VADER: A Parsimonious Rule-Based Model for Sentiment Analysis of Social Media Text*,
#   ICWSM 2014: the ratings. B. Pang, L. Lee: *Seeing Stars*, ACL 2005: the sentences.
#
# **Next:** [12 · Language models](12_language_models.ipynb): what a next character can teach.
