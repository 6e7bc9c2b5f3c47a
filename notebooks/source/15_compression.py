# %% [markdown]
# # 15 · Compression
#
# *Fewer weights, coarser weights, and whose answers mend the damage. At the end your student lives in a file of a few
# thousand bytes, and in a page that you can send to a friend.*
#
# | | |
# |---|---|
# | **Time** | 90 minutes alone, with a break before section 4; 60 in class (skip exercises 15.2, 15.5 and 15.8, and section 5) |
# | **Builds on** | [06 · Fair comparisons](06_fair_comparisons.ipynb), and what [08 · Feature distillation](08_feature_distillation.ipynb) says of convolutions |
#
# **After this lesson you can**
#
# - tell small from fast, and say which of the two a trick gives,
# - prune, factorise and quantise a network by hand, and train what is left,
# - say what soft answers are worth when a compressed network is mended, and what they are not,
# - plan the control that a claim about compression needs,
# - put a network into a page of ten kilobytes that runs anywhere.

# %%
import lzma

import torch
import torch.nn.functional as F

import kdlab
from kdlab import compression, data, models, plots, training, widgets
from kdlab.exercises import compression as lesson
from kdlab.intervals import t_interval
from kdlab.metrics import errors
from kdlab.teachers import MissingExtra, load_mnist_teacher, predict_logits

kdlab.setup()
mnist = data.load_mnist()
recorded = data.load_results("compression")

images, truth = models.to_inputs(mnist.train_images), torch.from_numpy(mnist.train_labels)
validation = images[50_000:], truth[50_000:]

# %% [markdown]
# ## 1 · Small, and fast
#
# A student is smaller than its teacher because we built it small. There is another way: take a network that works, and
# take something *away* from it. Ours is called D from here on, 784-300-100-10, trained with 50 000 labels. It takes a
# few seconds.

# %%
D = models.MLP(784, 300, 100, 10, seed=0)
learning = training.Recipe(temperature=1, alpha=1, steps=3000, learning_rate=2e-3)
training.fit(D, images[:50_000], truth[:50_000], recipe=learning)


def wrong(network):
    """Errors on the 10 000 validation pictures."""
    return errors(predict_logits(network, validation[0]), validation[1])


assert 150 < wrong(D) < 240
print("D makes between 150 and 240 errors on 10 000 validation pictures: ok")

# %% [markdown]
# Now take it apart. Each setting of the panel makes another network out of D. *Bits* says on how many levels a weight
# may lie, *rank* and *sparsity* are explained as we come to them. Nothing is trained after the cut.

# %%
panel = widgets.SqueezePanel(D, images[:1000], truth[:1000], validation)
panel.show_and_run()

# %% [markdown]
# > **Goal.** Make it as small as you can without more than 250 errors (D made about 190). Then look at the digits
# > whose class has changed: the count of errors hides them.
#
# Errors against bytes, that is one picture of compression. But "bytes" is only one of at least five things that people
# call small or fast:
#
# | what is counted | what it decides |
# |---|---|
# | **weights** that are not 0 | nothing by itself; papers report it |
# | **bytes** of the file | whether it fits in the watch, and how long the download takes |
# | bytes **compressed** | the download alone: it is unpacked before use |
# | **multiply-adds** | the work, if nothing but arithmetic took time |
# | **time** of a call | what the user notices; for one picture and for 256 at once it is not the same |
#
# Two of them you can count on paper, and it is worth while to have done it once.
#
# ### ✎ Exercise 15.1 · How large is the file?  (6 minutes, easy)
#
# Each weight of a layer is a code of so many bits. They are packed without gaps; the last byte of a layer may stay
# partly empty. Beside them each *row* has a step and a bias (section 4 says what a step is).

# %%


def packed_bytes(shapes, bits):
    """Bytes in a file: for each layer (outputs, inputs) a step and a bias of 2 bytes a row, and whole bytes of codes."""
    ...


lesson.packed_bytes.check(packed_bytes)
# lesson.packed_bytes.hint()
# lesson.packed_bytes.solution()

# %% [markdown]
# ### ✎ Exercise 15.2 · How much work is a convolution?  (6 minutes, easy)

# %%


def multiply_adds(inputs_side, channels_in, channels_out, kernel, stride):
    """Of one convolution, kernel x kernel, "same" padding: its maps have the side inputs_side / stride, rounded up."""
    ...


lesson.multiply_adds.check(multiply_adds)
# lesson.multiply_adds.hint()
# lesson.multiply_adds.solution()

# %% [markdown]
# > **Predict.** In D, the 95 % of the weights that are nearest to 0 become 0. What happens to the bytes, to the bytes
# > compressed, to the multiply-adds, and to the time of a call? And if instead whole neurons go, so that 75 and 25
# > hidden units are left of 300 and 100?

# %%
# RECORDED costs

# %% [markdown]
# *Recorded*, as every figure from here on that says so. Times on one thread, as shares of D's.
#
# <details><summary>What happened</summary>
#
# Zeros are **not** speed. A zero is multiplied as diligently as any other number, and takes as many bytes; only the
# compressed file notices. Even storage made for zeros (*sparse*, which keeps the places of the others) pays off here
# only for many pictures at once: finding the next weight costs more than multiplying by it. Removed *neurons* leave a
# smaller matrix behind, and every count falls.
# </details>
#
# Many claims of "10 times smaller" are the first line of the table, and many of "10 times less work" the fourth. Ask
# which.
#
# ## 2 · Fewer weights
#
# ### Zeros
#
# The oldest idea: what is nearly 0 will not be missed (LeCun et al. 1990 measured more carefully what is missed; Han et
# al. 2015 made the simple form popular).
#
# ### ✎ Exercise 15.3 · Which ones stay  (6 minutes, easy)

# %%


def pruning_mask(weight, sparsity):
    """bool, shaped like the weight: False for the share `sparsity` of all its entries that are nearest to 0."""
    ...


lesson.pruning_mask.check(pruning_mask)
# lesson.pruning_mask.hint()
# lesson.pruning_mask.solution()

# %% [markdown]
# A network with zeros has to learn on *with* them. So the mask stays in the way to the weight: what the layer
# multiplies by is `weight * mask`, and by the chain rule the gradient of a pruned weight is multiplied by 0, too.
# PyTorch calls this a *parametrisation*, and the class is four lines:


# %%
class Kept(torch.nn.Module):
    """What was pruned is 0, and gets no gradient."""

    def __init__(self, mask):
        super().__init__()
        self.register_buffer("mask", mask)

    def forward(self, weight):
        return weight * self.mask


small = models.MLP(784, 16, 10, seed=1)
first = small.layers[0]
mask = first.weight.abs() > first.weight.abs().median()
torch.nn.utils.parametrize.register_parametrization(first, "weight", Kept(mask))
training.fit(small, images[:1000], truth[:1000], recipe=training.Recipe(1, 1, steps=50))
assert torch.equal(first.weight != 0, mask)
print("half of the weights are 0 after training, as before: ok")

# %% [markdown]
# `kdlab.compression.prune` does this for a whole network, and compares the weights of all layers together.
#
# ### Whole neurons
#
# A hidden unit counts little if the weights that come in, or those that go out, are small. `remove_neurons` multiplies
# the norms of both and keeps the best. What is left is an ordinary MLP, with matrices that are *smaller*, not emptier.
#
# ### Low rank
#
# A layer of 784 inputs and 300 outputs can be replaced by two: 784 → 16 → 300. That is 17 344 weights for 235 200, if
# sixteen numbers are enough to say what matters of a picture. The best such pair has been known since 1936: it is made
# of the largest singular values.
#
# ### ✎ Exercise 15.4 · Two thin layers for a wide one  (8 minutes, medium)

# %%


def low_rank(matrix, rank):
    """Two factors (outputs, rank) and (rank, inputs) whose product is as close to the matrix as that rank allows."""
    ...


lesson.low_rank.check(low_rank)
# lesson.low_rank.hint()
# lesson.low_rank.solution()

# %% [markdown]
# The best, in which sense? This one is closest to the *matrix*: $\lVert W - W'\rVert^2$ is least. But nobody reads the
# matrix. What counts is what the layer makes of the pictures that come, $\mathbb E\,\lVert (W - W')\,x\rVert^2$, and
# the border of a digit is always black: errors there cost nothing. Let $C = \mathbb E\, x x^\top$. Then
#
# $$\mathbb E\,\lVert (W - W')\,x\rVert^2 \;=\; \lVert (W - W')\,C^{1/2} \rVert^2,$$
#
# so you factorise $W C^{1/2}$ instead, and multiply by $C^{-1/2}$ afterwards. Six lines:


# %%
def low_rank_for(matrix, rank, inputs):
    """The two factors (outputs, rank), (rank, inputs) that err least on these inputs (rows)."""
    values, vectors = torch.linalg.eigh(inputs.T @ inputs / len(inputs))
    values = values.clamp(min=1e-5 * values.max())  # pixels that are always black
    root, inverse = vectors * values.sqrt() @ vectors.T, vectors * values.rsqrt() @ vectors.T
    left, sizes, right = torch.linalg.svd(matrix @ root, full_matrices=False)
    return left[:, :rank] * sizes[:rank], right[:rank] @ inverse


def error_at(left, right):
    return ((images[1000:2000] @ (W - left @ right).T) ** 2).sum(1).mean()


W = D.layers[0].weight.detach()
left, sizes, right = torch.linalg.svd(W, full_matrices=False)
plain = left[:, :16] * sizes[:16], right[:16]
aware = low_rank_for(W, 16, images[:1000])
assert ((W - plain[0] @ plain[1]) ** 2).sum() < ((W - aware[0] @ aware[1]) ** 2).sum()
assert 2 * error_at(*aware) < error_at(*plain)
print("further from the matrix, and yet less than half the error on new pictures: ok")

# %% [markdown]
# Watch how the singular values fall, with and without the pictures:

# %%
C = images[:1000].T @ images[:1000] / 1000
values, vectors = torch.linalg.eigh(C)
plots.singular_values(
    {
        "first layer of D": sizes.numpy(),
        "the same, weighted by the pictures": torch.linalg.svdvals(W @ (vectors * values.clamp(min=0).sqrt())).numpy(),
        "before training": torch.linalg.svdvals(
            models.MLP(784, 300, 100, 10, seed=0).layers[0].weight.detach()
        ).numpy(),
    }
)

# %% [markdown]
# > **Question.** Which of the three curves says that few numbers are enough, and which one does not know about
# > digits at all?
#
# `compression.factorise(D, rank, inputs)` does it for all layers but the last. On the validation pictures, *recorded*
# over five seeds and before anything is trained:


# %%
def found(network, arm):
    """Recorded errors on 10 000 validation pictures, one for each seed."""
    (row,) = (row for row in recorded["mend"] if (row["network"], row["arm"]) == (network, arm))
    return row["validation_errors"]


thin = {
    f"rank {rank}": {
        "closest to the matrix": found(f"rank {rank}, plain SVD", "not mended"),
        "closest on the pictures": found(f"rank {rank}", "not mended"),
    }
    for rank in (8, 16, 32)
}
plots.mended(thin, whole=found("D", "not mended"), arms={"closest to the matrix": 2, "closest on the pictures": 1})

# %% [markdown]
# ## 3 · Who mends it?
#
# All of these networks are damaged. Train them for a while: 300 steps, under a second. With what? Say that the
# pictures that D learned from are gone, as they often are, and all we have is **a thousand pictures**. We can mend with
#
# - their **labels**,
# - D's **argmax**: what D takes each of them for (no label needed),
# - D's **soft answers**, at $T = 4$ (no label needed).
#
# > **Predict.** D reads the thousand pictures nearly without a mistake. So the first two are nearly the same targets.
# > Is the third better, and by how much: not at all, 5 %, 25 %?

# %%
few, few_labels = images[:1000], truth[:1000]
soft = predict_logits(D, few)
TARGETS = {"labels": (few_labels, None), "argmax": (soft.argmax(1), None), "soft answers": (few_labels, soft)}
DAMAGE = {
    "95 % zeros": lambda: compression.prune(D, 0.95),
    "neurons 75-25": lambda: compression.remove_neurons(D, 75, 25),
    "rank 8": lambda: compression.factorise(D, 8, few),
    "ternary": lambda: compression.quantise(D, "ternary"),
    "4 bits": lambda: compression.quantise(D, 4),
}


def rate_of(network, arm):
    """The learning rate that three other seeds chose for this arm."""
    arm = "soft, T = 4" if arm == "soft answers" else arm
    (row,) = (row for row in recorded["mend"] if (row["network"], row["arm"]) == (network, arm))
    return row["learning_rate"]


def count_errors(network):
    return {"errors": errors(predict_logits(network, validation[0][:2000]), validation[1][:2000])}


def mending(damage, seed):
    """{arm: (network, run)}: three copies of one damaged network, each at the rate that was chosen for its arm."""
    arms = {}
    for arm, (targets, logits) in TARGETS.items():
        network, rate = DAMAGE[damage](), rate_of(damage, arm)
        recipe = training.Recipe(4, 0 if arm == "soft answers" else 1, 300, 64, learning_rate=rate, seed=seed)
        arms[arm] = network, training.train(network, few, targets, logits, recipe=recipe, evaluate=count_errors)
    return arms


race = widgets.ExperimentPanel(
    mending, [widgets.Control("damage", "what was done to D", list(DAMAGE), "rank 8", kind="menu")],
    {"errors": ("Errors on 2000 validation pictures", (0, 400), "")}, against="damage", steps=300,
)  # fmt: skip
race.show_and_run()
first = {arm: count_errors(network)["errors"] for arm, network in dict(race.students).items()}

# %%
assert first["soft answers"] < 0.9 * min(first["labels"], first["argmax"])
print("rank 8, mended by soft answers: at least a tenth fewer errors than with labels or argmax: ok")

# %% [markdown]
# > **Goal.** Run all five. For which kind of damage do soft answers hardly matter?

# %%
ARMS = {"not mended": "not mended", "labels": "labels", "argmax": "argmax", "soft answers": "soft, T = 4"}
NAMES = ["90 % zeros", "95 % zeros", "98 % zeros", "neurons 150-50", "neurons 75-25", "rank 8", "rank 16", "rank 32",
         "ternary", "2 bits", "4 bits", "8 bits"]  # fmt: skip
table = {name: {arm: found(name, key) for arm, key in ARMS.items()} for name in NAMES}
plots.mended(table, whole=found("D", "not mended"))


# %%
def fewer(network, ours, theirs):
    """By how many errors `ours` is better, seed by seed: mean and half-width of its 95 % interval."""
    return t_interval([b - a for a, b in zip(found(network, ours), found(network, theirs), strict=True)])


for name in NAMES:
    by_soft, by_argmax = fewer(name, "soft, T = 4", "labels"), fewer(name, "argmax", "labels")
    print(f"{name}: soft answers make {by_soft[0]:.0f} ± {by_soft[1]:.0f} errors fewer than labels,", end=" ")
    print(f"argmax {by_argmax[0]:.0f} ± {by_argmax[1]:.0f}")

# %% [markdown]
# *Recorded*: five seeds (D's start and batches, and those of the mending), each arm's learning rate chosen for it with three other
# seeds; 10 000 validation pictures.
#
# <details><summary>What happened</summary>
#
# TEXT mended
# </details>
#
# Why? Two hidden layers' worth of knowledge has been cut, and a thousand labels are a thousand small numbers: one class
# each. D's answers say for every picture how near each other class is. But that is one explanation out of several, and
# a good engineer would want to know which.
#
# ### ✎ Exercise 15.5 · Why do soft answers mend better?  (10 minutes, medium)

# %%
design_a_control = ...

lesson.design_a_control.check(design_a_control)
# lesson.design_a_control.hint()
# lesson.design_a_control.solution()

# %% [markdown]
# CONTROLS text

# %%
# RECORDED controls

# %% [markdown]
# TEXT controls, traps
#
# ## 4 · Coarser weights
#
# A float32 weight is one of four thousand million numbers. How many does a network need? Give each row of a weight
# matrix $2^b$ levels, equally far apart, and move every weight to its nearest.
#
# ### ✎ Exercise 15.6 · A few levels for each row  (10 minutes, medium)

# %%


def fake_quantise(weight, bits):
    """Each row (outputs, inputs) on 2**bits levels, ±½, ±1½, ... steps; its largest |weight| is the outermost level."""
    ...


lesson.fake_quantise.check(fake_quantise)
# lesson.fake_quantise.hint()
# lesson.fake_quantise.solution()

# %% [markdown]
# Where should the levels lie? Up to the largest weight, so that nothing is cut off? Or closer together, so that most
# weights lie near one?

# %%
row = D.layers[0].weight[:40].detach()
units = (row / row.square().mean(1, keepdim=True).sqrt()).flatten()  # each row in units of its own size
steps = torch.arange(16) - 7.5
widest = row.abs().amax(1) / row.square().mean(1).sqrt() / 7.5
plots.levels(units.numpy(), {"4 bits, up to the largest": steps * widest.mean(), "4 bits, best for a bell curve": 0.3352 * steps, "2 bits, best for a bell curve": 0.9957 * (torch.arange(4) - 1.5)})  # fmt: skip

# %% [markdown]
# `kdlab.compression.quantise` takes the steps that lose least of a bell curve (Max 1960) up to 5 bits, and the largest
# weight from 6 on. *Ternary* is the extreme: $-s$, $0$ or $s$, with $s$ for each row (Li & Liu 2016).
#
# Now train such a network. The rounding is a staircase: its slope is 0 nearly everywhere, so no gradient would ever
# come through. The trick that everybody uses is a lie: forward, the rounded weight; backward, as if nothing had been
# rounded. It is called *straight through*.
#
# ### ✎ Exercise 15.7 · As if nothing had happened  (6 minutes, medium)

# %%


def straight_through(weight, rounded):
    """The value of `rounded`; backward, the gradient goes to `weight` as if nothing had been rounded."""
    ...


lesson.straight_through.check(straight_through)
# lesson.straight_through.hint()
# lesson.straight_through.solution()

# %% [markdown]
# The weights behind the rounding stay fine-grained, and collect small changes until one of them crosses to the next
# level. This is *quantisation-aware training*; what stays in the file is the levels. With it, a quantised network can be mended
# like the others, and the last rows of the figure above are such networks: 8 bits cost nothing, 4 bits next to nothing,
# and two bits or three levels per weight need mending.
#
# TEXT wide coarse
#
# ## 5 · What runs fast today
#
# Levels are bytes, not yet time: `quantise` computes with floats, it only *pretends* ("fake quantisation"). Somebody
# has to multiply small whole numbers. One thread of one processor, *recorded*:

# %%
# RECORDED speeds

# %% [markdown]
# TEXT speeds
#
# To hand a network over, export it. ONNX is a format that many programs read; ONNX Runtime runs it. The extra
# `export` brings both (120 MB); without it the next cell says so.

# %%
import pathlib
import tempfile

folder = tempfile.TemporaryDirectory()
file = pathlib.Path(folder.name) / "student.onnx"
few_bits = compression.quantise(D, 8)
try:
    difference = compression.export_onnx(few_bits, file, models.to_inputs(mnist.test_images))
    assert difference < 1e-4
except MissingExtra as missing:
    file = None
print("exported, and equal to PyTorch's logits on every test picture, if the extra is there: ok")

# %% [markdown]
# ONNX checks nothing for you: `export_onnx` compares all 10 000 test pictures, and refuses a file that differs.
# (For phones and microcontrollers there are runtimes of their own, such as ExecuTorch and LiteRT: they take a network
# that was exported in their own way, and bring the arithmetic for the chip.)
#
# ## 6 · 99 % in a few kilobytes
#
# Now everything together. Errors against bytes, *recorded*:

# %%
# RECORDED frontier

# %% [markdown]
# TEXT frontier
#
# ### ✎ Exercise 15.8 · Fewer bytes  (20 minutes, hard)

# %%


def fewer_bytes():
    """A trained network that makes at most 300 errors on the 10 000 validation pictures, in as few bytes as you can."""
    ...


lesson.fewer_bytes.check(fewer_bytes)
# lesson.fewer_bytes.hint()
# lesson.fewer_bytes.solution()

# %% [markdown]
# ## 7 · Your student, in your browser
#
# PAGE

# %%
# PAGE

# %% [markdown]
# ## Quiz

# %%
lesson.quiz

# %% [markdown]
# ## Summary
