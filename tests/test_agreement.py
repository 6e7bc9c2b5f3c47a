"""What a lesson writes out in full and what kdlab offers under the same name give the same results."""

import ast
import inspect
import math

import pytest
import torch
from lessons import CHECK, SOURCES, build, code_cells, exercises_of

from kdlab import compression, losses, metrics
from kdlab import labels as kdlab_labels
from kdlab.compression.weights import Quantised, low_rank, straight_through
from kdlab.exercises import compression as lesson_15
from kdlab.exercises.core import Exercise
from kdlab.models import MLP, ConvNet

KDLAB = {
    name: value
    for module in (losses, metrics, kdlab_labels)
    for name, value in vars(module).items()
    if inspect.isfunction(value) and value.__module__ == module.__name__ and not name.startswith("_")
}


def written_out(source):
    """The functions that a lesson defines itself under a name of kdlab's, exercises' stubs left out: {name: function}."""
    found = {}
    for cell in code_cells(build.read_source(source)):
        stubs = CHECK.findall(cell.source)
        for node in ast.parse(cell.source).body:
            if isinstance(node, ast.FunctionDef) and node.name in KDLAB and node.name not in stubs:
                found[node.name] = ast.unparse(node)
    return found


def cases():
    """Everything that has a twin in kdlab, {(lesson, name, where it stands): function}."""
    found = {}
    for source in SOURCES:
        lesson = source.stem[:2]
        for name, code in written_out(source).items():
            scope = {"torch": torch, "F": torch.nn.functional, "math": math, **KDLAB}
            exec(code, scope)
            found[lesson, name, "text"] = scope[name]
        for name, value in vars(exercises_of(source)).items():
            if isinstance(value, Exercise) and name in KDLAB:
                found[lesson, name, "solution"] = value.reference
    return found


CASES = cases()


def arguments(function, generator):
    """Random arguments for a loss or metric, chosen by the names of its parameters."""
    draw = lambda: 3 * torch.randn(6, 5, generator=generator, dtype=torch.double)  # noqa: E731
    labels = torch.randint(5, (6,), generator=generator)
    values = {"temperature": 3.0, "alpha": 0.3, "beta": 0.4, "smoothing": 0.2, "per_class": 1, "share": 0.5, "n": 2}
    values["texts"] = labels.view(2, 3).tolist()
    tensors = {
        "states": (6, 5, 4),
        "values": (6, 5, 4),
        "scores": (6, 2, 5, 5),
        "projection": (4, 4),
        "features": (6, 4, 5, 3),
    }
    tensors["maps"] = (6, 5, 4, 3)
    if function.__name__.strip("_").startswith(("relational", "cosine_relation", "similarity", "contrastive")):
        tensors["features"] = (6, 7)  # a lesson writes them for one vector a sample
    names = list(inspect.signature(function).parameters)
    if names[:2] == ["x", "y"]:  # two spaces of the same samples
        return {
            name: torch.randn(7, width, generator=generator, dtype=torch.double) for name, width in (("x", 4), ("y", 3))
        }
    if "wrong" in inspect.signature(function).parameters:
        return {"scores": torch.randint(4, (9,), generator=generator).double(), "wrong": torch.arange(9) < 4}
    values["mask"] = torch.arange(5) < torch.randint(1, 6, (6, 1), generator=generator)
    chosen = {}
    for name in inspect.signature(function).parameters:
        if name.endswith("logits"):
            chosen[name] = draw()
        elif name == "labels":
            chosen[name] = labels
        elif name.split("_")[-1] in tensors:
            chosen[name] = torch.randn(tensors[name.split("_")[-1]], generator=generator, dtype=torch.double)
        elif name in values:
            chosen[name] = values[name]
    return chosen


def call(function, given):
    """The function's result; a random function gets a generator in the same state each time."""
    random = "generator" in inspect.signature(function).parameters
    return torch.as_tensor(function(**given, **({"generator": torch.Generator().manual_seed(7)} if random else {})))


def agree(function, reference, generator):
    given = arguments(function, generator)
    if list(given) == ["x", "y"]:  # names of a formula, longer ones in kdlab
        kdlab_names = list(inspect.signature(reference).parameters)
        theirs = call(reference, dict(zip(kdlab_names, given.values(), strict=True)))
        assert torch.allclose(call(function, given).double(), theirs.double(), rtol=1e-6)
        return
    for name in given:  # kdlab may offer more, such as a mask
        assert name in inspect.signature(reference).parameters, f"kdlab calls no argument {name}"
    mine, theirs = call(function, given), call(reference, given)
    assert mine.shape == theirs.shape
    assert torch.allclose(mine.double(), theirs.double(), rtol=1e-6)


@pytest.mark.parametrize("case", CASES, ids="-".join)
def test_lesson_and_kdlab_agree(case):
    generator = torch.Generator().manual_seed(0)
    for _ in range(5):
        agree(CASES[case], KDLAB[case[1]], generator)


def test_the_ideas_of_the_first_lessons_are_compared():
    compared = {name for _, name, _ in CASES}
    assert {"soft_targets", "entropy", "kl_divergence", "distillation_loss", "agreement"} <= compared
    assert {"balanced_draw", "flip_labels", "macro_f1", "expected_calibration_error", "copied_mistakes"} <= compared
    assert "area_under_curve" in compared


# Lesson 15's exercises are about one weight, kdlab.compression works on networks: the same function, seen through one layer.


def one_layer(weight):
    """An MLP of one layer with this weight."""
    network = MLP(weight.shape[1], weight.shape[0])
    with torch.no_grad():
        network.layers[0].weight.copy_(weight)
    return network


def pruned(weight, sparsity):
    network = compression.prune(one_layer(weight.flatten(1)), sparsity)
    return (network.layers[0].weight != 0).view_as(weight)


def bytes_of_mlp(shapes, bits):
    widths = [shapes[0][1], *(outputs for outputs, _ in shapes)]
    return len(compression.pack(compression.quantise(MLP(*widths), bits)))


def of_a_convolution(inputs_side, channels_in, channels_out, kernel, stride):
    """That of the second layer: what a network has more with it than without it, its head aside."""
    with_it = ConvNet(
        channels_in, channels_out, kernels=(1, kernel), strides=(1, stride), pooling="mean", side=inputs_side
    )
    without = ConvNet(channels_in, kernels=1, strides=1, pooling="mean", side=inputs_side)
    both = [compression.multiply_adds(network, torch.zeros(1, inputs_side**2)) for network in (with_it, without)]
    return both[0] - 10 * channels_out - (both[1] - 10 * channels_in)


@pytest.mark.parametrize(
    "name, theirs",
    {
        "pruning_mask": pruned,
        "low_rank": low_rank,
        "straight_through": straight_through,
        "packed_bytes": bytes_of_mlp,
        "multiply_adds": of_a_convolution,
    }.items(),
)
def test_kdlab_s_compression_solves_lesson_15(name, theirs):
    result = getattr(lesson_15, name).check(theirs)
    assert result.status == "solved", result


def test_lesson_15_quantises_as_kdlab_does_where_the_step_comes_from_the_largest():
    weight = torch.randn(7, 40, generator=torch.Generator().manual_seed(0))
    for bits in (6, 8):  # for fewer, kdlab's step is the best for a Gaussian; it is a float16 always
        mine, theirs = lesson_15.fake_quantise.reference(weight, bits), Quantised(bits)(weight)
        step = weight.abs().amax(1, keepdim=True) / (2**bits / 2 - 0.5)
        gap = (mine - theirs).abs() / step
        assert gap.max() < 1.1 and (gap > 0.1).float().mean() < 0.05  # next to a border, the other level
