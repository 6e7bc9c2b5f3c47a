"""Fewer weights and fewer bits, and who mends the network afterwards: the records of lesson 15.

    python benchmarks/compression.py [--again] [section ...]

D is 784-300-100-10, trained with the labels of training images 0 to 49 999. It is pruned, factorised or quantised, and then
trained for 300 steps of 64 from the first thousand of those images, from

- labels: their true labels;
- smoothing 0.2: the same with 0.2 of each label shared among all classes, as from a teacher who knows nothing of them;
- argmax: the decisions of the D it was made from;
- soft, T = 4: that D's answers at that temperature, no label;
- all labels: the labels of all 50 000 images, as many steps.

Errors are counts of 10 000: "validation" are training images 50 000 to 59 999, which choose, "test" is MNIST's test set. Each
arm has its own learning rate: by the mean of three seeds that are not reported, in steps of 2 until the best has a worse one
on either side (or the lowest rate is reached, where no training is as good); in `mend`, at least all that the labels were given.
A seed gives D's initial weights and all batches; the arms of a seed share both.

Sections: `mend`; `one_rate` (arms at the rate of another one: what would have been claimed); `unseen` (the same pictures for
all arms again, but such as D has not learned from: 1000 of the validation images, the other 9000 choose); `gradual` (zeros in
several rounds, equally many steps in all); `small` (784-8-10 to 784-32-10 with all labels); `frontier` (errors against bytes: mended, then quantised and trained as long again);
`kilobytes` (small convolutional networks, all 50 000 images moved by up to 2 pixels, then few bits); `moved` (what the moving of
the images has to do with it: 784-32-10 with it, a convolutional network without); `kilobytes_few` (the
thousand pictures in all 25 places, with their labels or what the shipped teacher says of each as it lies); `fast` (times;
needs the extra "export", and torchao for its row).
"""

import copy
import importlib.metadata
import lzma
import statistics
import tempfile
import time
import warnings
from functools import cache
from pathlib import Path

import torch
from arms import SEEDS, TRIAL_SEEDS, both_errors, facts, pictures, validation_errors, world
from safetensors.torch import load_file, save_file
from sections import Record, main
from torch.nn import functional as F

from kdlab.compression import (
    export_onnx,
    factorise,
    multiply_adds,
    onnx_network,
    pack,
    plain,
    prune,
    quantise,
    remove_neurons,
    sparsity_of,
)
from kdlab.metrics import errors
from kdlab.models import MLP, ConvNet
from kdlab.teachers import load_mnist_teacher, predict_logits
from kdlab.training import Recipe, fit

RUNS = Path(__file__).parent / "runs" / "compression"  # networks to begin with, kept between calls; not in git
RATES = [0.064 / 2**k for k in range(-2, 14)][::-1]  # 7.8e-6 to 0.256
START = [0.001, 0.002, 0.004]
STEPS, BATCH, FEW = 300, 64, 1000
RECORD = Record("compression", facts)


# --- D, and what is made of it ----------------------------------------------------------------------


def kept(name, make):
    """The MLP or ConvNet that `make()` trains, from benchmarks/runs/ if it was trained before."""
    file, (model, train) = RUNS / f"{name}.safetensors", make()
    if file.exists():
        model.load_state_dict(load_file(file))
    else:
        train(model)
        RUNS.mkdir(parents=True, exist_ok=True)
        save_file(model.state_dict(), file)
    return model


@cache
def dense(seed):
    """D."""
    recipe = Recipe(temperature=1, alpha=1, steps=3000, batch_size=128, learning_rate=2e-3, seed=seed)
    train = lambda model: fit(model, *pictures(0, 50_000)[:2], recipe=recipe)  # noqa: E731
    return kept(f"dense-{seed}", lambda: (MLP(784, 300, 100, 10, seed=seed), train))


def few():
    return pictures(0, FEW)


NETWORKS = {
    "90 % zeros": lambda d: prune(d, 0.90),
    "95 % zeros": lambda d: prune(d, 0.95),
    "98 % zeros": lambda d: prune(d, 0.98),
    "neurons 150-50": lambda d: remove_neurons(d, 150, 50),
    "neurons 75-25": lambda d: remove_neurons(d, 75, 25),
    "rank 8": lambda d: factorise(d, 8, few()[0]),
    "rank 16": lambda d: factorise(d, 16, few()[0]),
    "rank 32": lambda d: factorise(d, 32, few()[0]),
    "ternary": lambda d: quantise(d, "ternary"),
    "2 bits": lambda d: quantise(d, 2),
    "4 bits": lambda d: quantise(d, 4),
    "8 bits": lambda d: quantise(d, 8),
}
UNMENDED = {  # shown as they are
    "D": lambda d: d,
    **{f"rank {rank}, plain SVD": lambda d, rank=rank: factorise(d, rank) for rank in (8, 16, 32)},
}


@cache
def compressed(network, seed):
    return (NETWORKS | UNMENDED)[network](dense(seed))


def size_of(model):
    """What it takes: bytes packed, the same behind lzma, multiplications for one picture, and the share of zeros."""
    blob = pack(model)
    return {
        "bytes": len(blob),
        "lzma": len(lzma.compress(blob, format=lzma.FORMAT_RAW, filters=[{"id": lzma.FILTER_LZMA2, "preset": 9}])),
        "multiply_adds": multiply_adds(model, few()[0]),
        "zeros": round(sparsity_of(model), 4),
    }


# --- mending ------------------------------------------------------------------------------------------


def task(arm, seed):
    """(inputs, labels, logits or None) and the recipe's settings for an arm that listens to the D of this seed."""
    inputs, labels, _ = few()
    match arm.split():
        case ["labels"]:
            return (inputs, labels, None), {"alpha": 1}
        case ["all", "labels"]:
            return (*pictures(0, 50_000)[:2], None), {"alpha": 1}
        case ["argmax"]:
            return (inputs, answers(seed).argmax(-1), None), {"alpha": 1}
        case ["soft,", "T", "=", temperature]:
            return (inputs, labels, answers(seed)), {"alpha": 0, "temperature": float(temperature)}
        case ["smoothing", share]:
            return (inputs, labels, torch.zeros(FEW, 10)), {"alpha": 1 - float(share), "temperature": 1}
    raise ValueError(f"no such arm: {arm}")


@cache
def answers(seed):
    return predict_logits(dense(seed), few()[0])


def mended(model, arm, rate, seed, steps=STEPS, answers_of=None):
    """A trained copy. `seed` gives the batches and, unless `answers_of` is given, says which D is asked."""
    model, (data, settings) = copy.deepcopy(model), task(arm, seed if answers_of is None else answers_of)
    fit(model, *data, recipe=Recipe(**settings, steps=steps, batch_size=BATCH, learning_rate=rate, seed=seed))
    return model


def searched(run, start=START, seeds=TRIAL_SEEDS, score=validation_errors):
    """{"learning_rate", "tried": {rate: mean score}}; run(rate, seed) gives a trained network."""
    tried, wanted = {}, list(start)
    while wanted:
        for rate in wanted:
            tried[rate] = statistics.mean(score(run(rate, seed)) for seed in seeds)
        best = min(tried, key=tried.get)
        place = RATES.index(best)
        wanted = [rate for rate in RATES[max(place - 1, 0) : place + 2] if rate not in tried]
    return {"learning_rate": best, "tried": {f"{rate:g}": round(tried[rate], 1) for rate in sorted(tried)}}


def reported(models):
    """{"validation_errors", "test_errors"}: lists, one number for each network."""
    rows = [both_errors(model) for model in models]
    return {name: [row[name] for row in rows] for name in rows[0]}


def tuned(run, start=START, trial_seeds=TRIAL_SEEDS, seeds=SEEDS):
    found = searched(run, start, trial_seeds)
    return found | reported([run(found["learning_rate"], seed) for seed in seeds])


def run_mend(network, arm):
    if arm == "not mended":
        return reported([compressed(network, seed) for seed in SEEDS]) | size_of(compressed(network, SEEDS[0]))
    return tuned(lambda rate, seed: mended(compressed(network, seed), arm, rate, seed), first_rates(network, arm))


def first_rates(network, arm):
    """Rates to begin with: no arm is given fewer than the labels were."""
    if arm == "labels":
        return START
    (labels,) = RECORD.rows("mend", network=network, arm="labels")
    return sorted({*START, *map(float, labels["tried"])})


ARMS = ("labels", "argmax", "soft, T = 4")
OTHER_TEMPERATURES = ("95 % zeros", "98 % zeros", "rank 8", "rank 16", "rank 32")
CONTROLLED = ("95 % zeros", "ternary")
SMOOTHING = ("smoothing 0.1", "smoothing 0.2", "smoothing 0.4", "smoothing 0.6")


def mend_jobs():
    for network in UNMENDED:
        yield {"network": network, "arm": "not mended"}
    for network in NETWORKS:
        for arm in ("not mended", *ARMS):  # the labels first: the others have their rates
            yield {"network": network, "arm": arm}
    for network in CONTROLLED:
        for arm in ("all labels", *SMOOTHING):
            yield {"network": network, "arm": arm}
    for network in OTHER_TEMPERATURES:
        for temperature in (1, 2):
            yield {"network": network, "arm": f"soft, T = {temperature}"}


def one_rate_jobs():
    for network in NETWORKS:
        yield {"network": network, "arm": "labels", "rate_of": "soft, T = 4"}
        yield {"network": network, "arm": "argmax", "rate_of": "soft, T = 4"}
        yield {"network": network, "arm": "soft, T = 4", "rate_of": "labels"}


def run_one_rate(network, arm, rate_of):
    (row,) = RECORD.rows("mend", network=network, arm=rate_of)
    rate = row["learning_rate"]
    models = [mended(compressed(network, seed), arm, rate, seed) for seed in SEEDS]
    return {"learning_rate": rate, **reported(models)}


# --- pictures that D has not learned from ---------------------------------------------------------------

UNSEEN = slice(50_000, 51_000), slice(51_000, 60_000)  # to mend with, to choose with


def run_unseen(network, arm):
    """As `mend`, with a thousand pictures of the validation images; errors of the other 9000."""
    mend_with, judge = (pictures(part.start, part.stop) for part in UNSEEN)

    def run(rate, seed):
        decided = predict_logits(dense(seed), mend_with[0])
        labels, logits, settings = {
            "labels": (mend_with[1], None, {"alpha": 1}),
            "argmax": (decided.argmax(-1), None, {"alpha": 1}),
            "soft, T = 4": (mend_with[1], decided, {"alpha": 0, "temperature": 4}),
        }[arm]
        model = copy.deepcopy(compressed(network, seed))
        recipe = Recipe(**settings, steps=STEPS, batch_size=BATCH, learning_rate=rate, seed=seed)
        fit(model, mend_with[0], labels, logits, recipe=recipe)
        return model

    def score(model):
        return errors(predict_logits(model, judge[0]), judge[1])

    found = searched(run, score=score)
    models = [run(found["learning_rate"], seed) for seed in SEEDS]
    wrong = [errors(predict_logits(dense(seed), mend_with[0]), mend_with[1]) for seed in SEEDS]
    return found | {
        "errors_of_9000": [score(model) for model in models],
        "test_errors": [both_errors(model)["test_errors"] for model in models],
        "d_is_wrong_on": wrong,
        "d_is_wrong_on_the_first_thousand": [errors(answers(seed), few()[1]) for seed in SEEDS],
    }


def unseen_jobs():
    for network in ("95 % zeros", "ternary"):
        for arm in ARMS:
            yield {"network": network, "arm": arm}


# --- zeros little by little -----------------------------------------------------------------------------

WAYS = {  # (rounds, share of all steps that are left for after the last round)
    "at once": (1, 1),
    "3 rounds": (3, 1 / 3),
    "10 rounds": (10, 1 / 10),
    "10 rounds, half of the steps after the last": (10, 1 / 2),
}


def gradually(way, rate, seed, steps, sparsity=0.95):
    """D, pruned in rounds that each take the same share of what is left, with soft answers after each of them."""
    (rounds, last), model = WAYS[way], dense(seed)
    early = round(steps * (1 - last) / max(1, rounds - 1))
    for turn in range(1, rounds + 1):
        model = prune(model, 1 - (1 - sparsity) ** (turn / rounds))
        own = early if turn < rounds else steps - early * (rounds - 1)
        model = mended(model, "soft, T = 4", rate, seed + 1000 * (turn - 1), own, answers_of=seed)
    return model


def run_gradual(way, steps):
    return tuned(lambda rate, seed: gradually(way, rate, seed, steps), start=[0.008, 0.016])


def gradual_jobs():
    for way in WAYS:
        yield {"way": way, "steps": STEPS}
    for way in ("at once", "10 rounds, half of the steps after the last"):
        yield {"way": way, "steps": 5 * STEPS}


# --- errors against bytes -------------------------------------------------------------------------------

FIRST = ("90 % zeros", "95 % zeros", "98 % zeros", "rank 8", "rank 16", "rank 32")
SMALL = (8, 16, 32)


@cache
def first_mended(network, arm, seed):
    """Mended at the rate that `mend` chose for the arm (that of the labels, for all labels)."""
    (row,) = RECORD.rows("mend", network=network, arm="labels" if arm == "all labels" else arm)
    return mended(compressed(network, seed), arm, row["learning_rate"], seed)


@cache
def small(width, seed, rate=4e-3):
    """784-width-10, trained with all labels."""
    recipe = Recipe(temperature=1, alpha=1, steps=3000, batch_size=128, learning_rate=rate, seed=seed)
    train = lambda model: fit(model, *pictures(0, 50_000)[:2], recipe=recipe)  # noqa: E731
    return kept(f"small-{width}-{rate:g}-{seed}", lambda: (MLP(784, width, 10, seed=seed), train))


def run_small(width):
    return tuned(lambda rate, seed: small(width, seed, rate), [0.004, 0.008]) | size_of(MLP(784, width, 10))


def small_jobs():
    for width in SMALL:
        yield {"width": width}


def run_frontier(network, bits, arm):
    """From a mended or small network (`network`), quantised, and 300 steps more."""

    def start(seed):
        if network.startswith("784"):
            width = int(network.split("-")[1])
            (row,) = RECORD.rows("small", width=width)
            return quantise(small(width, seed, row["learning_rate"]), bits)
        return quantise(first_mended(network, arm, seed), bits)

    models, last = {}, {}

    def run(rate, seed):
        if seed not in models:
            models[seed] = start(seed)
        last["model"] = mended(models[seed], arm, rate, seed + 1000, answers_of=seed)
        return last["model"]

    return tuned(run, [0.0005, 0.001, 0.002], TRIAL_SEEDS[:1]) | size_of(last["model"])


def frontier_jobs():
    for network in FIRST:
        for arm in ("labels", "soft, T = 4"):
            yield {"network": network, "bits": 4, "arm": arm}
    for width in SMALL:
        yield {"network": f"784-{width}-10", "bits": 4, "arm": "all labels"}
    for network in ("95 % zeros", "rank 16"):
        yield {"network": network, "bits": 4, "arm": "all labels"}
    # as many bytes as rank 16 at 4 bits: fewer ranks and finer steps, or more and coarser
    for network, bits in (("rank 8", 8), ("rank 32", 2)):
        for arm in ("labels", "soft, T = 4"):
            yield {"network": network, "bits": bits, "arm": arm}


# --- a few kilobytes ------------------------------------------------------------------------------------

FIVE = {"kernels": (5, 3, 3), "strides": (2, 2, 1)}
CONVOLUTIONAL = {
    "12-24-24, flatten": lambda seed: ConvNet(12, 24, 24, kernels=(5, 3, 3), strides=2, seed=seed),
    "12-24-24, mean": lambda seed: ConvNet(12, 24, 24, **FIVE, pooling="mean", seed=seed),
    "8-16-16, mean": lambda seed: ConvNet(8, 16, 16, **FIVE, pooling="mean", seed=seed),
}
BITS = {"4 bits": [8, 4, 4, 4], "ternary": [8, "ternary", "ternary", 4]}
CONV_SEEDS, CONV_TRIALS = SEEDS[:3], TRIAL_SEEDS[:1]


def conv_recipe(rate, seed, steps):
    return Recipe(temperature=1, alpha=1, steps=steps, batch_size=128, learning_rate=rate, seed=seed)


def convolutional(network, rate, seed, steps=3000):
    def train(model):
        fit(model, *pictures(0, 50_000)[:2], recipe=conv_recipe(rate, seed, steps), jitter=2)

    return kept(f"{network}-{rate:g}-{seed}", lambda: (CONVOLUTIONAL[network](seed), train))


def run_kilobytes(network, weights):
    if weights == "float":
        run = lambda rate, seed: convolutional(network, rate, seed)  # noqa: E731
        found = tuned(run, [0.008, 0.016], CONV_TRIALS, CONV_SEEDS)
    else:
        found = tuned(lambda rate, seed: coarse(network, weights, rate, seed), START, CONV_TRIALS, CONV_SEEDS)
    model = CONVOLUTIONAL[network](0)
    return found | size_of(model if weights == "float" else quantise(model, BITS[weights]))


def coarse(network, weights, rate, seed, steps=600):
    (row,) = RECORD.rows("kilobytes", network=network, weights="float")
    model = quantise(convolutional(network, row["learning_rate"], seed), BITS[weights])
    fit(model, *pictures(0, 50_000)[:2], recipe=conv_recipe(rate, seed + 1000, steps), jitter=2)
    return model


def kilobytes_jobs():
    for network in CONVOLUTIONAL:
        for weights in ("float", *BITS):
            yield {"network": network, "weights": weights}


# --- is it the network, or the moving? ------------------------------------------------------------------


def run_moved(network, moved):
    """As `kilobytes` before the weights are coarsened, or 784-width-10; the images moved at every step, or never."""
    mlp = network.startswith("784")
    make = lambda seed: MLP(784, 32, 10, seed=seed) if mlp else CONVOLUTIONAL[network](seed)  # noqa: E731

    def run(rate, seed):
        model, jitter = make(seed), 2 if moved else None
        fit(model, *pictures(0, 50_000)[:2], recipe=conv_recipe(rate, seed, 3000), jitter=jitter)
        return model

    return tuned(run, [0.008, 0.016] if mlp else [0.032, 0.064], CONV_TRIALS, CONV_SEEDS)


def moved_jobs():
    yield {"network": "784-32-10", "moved": True}
    yield {"network": "8-16-16, mean", "moved": False}


# --- the same from a thousand pictures ------------------------------------------------------------------


@cache
def in_all_places():
    """The thousand pictures in all 25 places, their labels, and what the shipped teacher says of each."""
    inputs, labels, _ = few()
    wide = F.pad(inputs.view(-1, 28, 28), (2,) * 4)
    moved = torch.cat([wide[:, i : i + 28, j : j + 28].flatten(1) for i in range(5) for j in range(5)])
    return moved, labels.repeat(25), predict_logits(load_mnist_teacher(), moved)


def run_kilobytes_few(arm):
    """8-16-16, mean: 1000 steps of 64."""
    inputs, labels, logits = in_all_places()
    targets, logits, settings = {
        "labels": (labels, None, {"alpha": 1}),
        "argmax": (logits.argmax(-1), None, {"alpha": 1}),
        **{f"soft, T = {t}": (labels, logits, {"alpha": 0, "temperature": t}) for t in (2, 4)},
    }[arm]

    def run(rate, seed):
        model = CONVOLUTIONAL["8-16-16, mean"](seed)
        recipe = Recipe(**settings, steps=1000, batch_size=BATCH, learning_rate=rate, seed=seed)
        fit(model, inputs, targets, logits, recipe=recipe)
        return model

    said = int((in_all_places()[2].argmax(-1) != labels).sum())
    return tuned(run, [0.016, 0.032, 0.064]) | {"teacher_is_wrong_on": said, "of": len(labels)}


def few_jobs():
    for arm in ("labels", "argmax", "soft, T = 2", "soft, T = 4"):
        yield {"arm": arm}


# --- what is fast -----------------------------------------------------------------------------------------


def fast_networks():
    return {"1200-1200": load_mnist_teacher(), "300-100": dense(0), "32": small(32, 0)}


def ways_to_run(model, folder):
    """{name: function of inputs, or the reason why it is not there}."""
    ways = {"PyTorch": model, "95 % zeros, dense": plain(prune(model, 0.95))}
    ways["95 % zeros, sparse (CSR)"] = sparse(ways["95 % zeros, dense"])
    hidden = [layer.out_features for layer in model.layers[:-1]]
    ways["a quarter of the neurons"] = remove_neurons(model, *(width // 4 for width in hidden))
    ways = {name: without_gradients(run) for name, run in ways.items()}
    ways["torch.ao, int8 dynamic"] = attempt(torch_ao, model)
    ways["torchao, int8 dynamic"] = attempt(torchao_int8, model)
    export_onnx(model, folder / "float.onnx", pictures(0, FEW)[0])
    ways["ONNX Runtime"] = onnx_network(folder / "float.onnx")
    ways["ONNX Runtime, int8 dynamic"] = onnx_int8(folder)
    return ways


def without_gradients(model):
    model.eval()

    def run(inputs):
        with torch.inference_mode():
            return model(inputs)

    return run


class sparse(torch.nn.Module):
    """An MLP whose weights are sparse matrices in rows (CSR)."""

    def __init__(self, mlp):
        super().__init__()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # "in beta state"
            self.layers = [(one.weight.detach().to_sparse_csr(), one.bias.detach()[:, None]) for one in mlp.layers]

    def forward(self, inputs):
        state = inputs.T
        for n, (weight, bias) in enumerate(self.layers):
            state = torch.addmm(bias, weight, state.relu() if n else state)
        return state.T


def attempt(make, model):
    try:
        return without_gradients(make(model))
    except ImportError as error:
        return str(error)


def torch_ao(model):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # deprecated
        return torch.ao.quantization.quantize_dynamic(copy.deepcopy(model), {torch.nn.Linear}, dtype=torch.qint8)


def torchao_int8(model):
    from torchao.quantization import Int8DynamicActivationInt8WeightConfig, quantize_

    model = copy.deepcopy(model).requires_grad_(False)
    quantize_(model, Int8DynamicActivationInt8WeightConfig())
    return model


def onnx_int8(folder):
    from onnxruntime.quantization import QuantType, quantize_dynamic
    from onnxruntime.quantization.shape_inference import quant_pre_process

    quant_pre_process(folder / "float.onnx", folder / "ready.onnx")
    quantize_dynamic(folder / "ready.onnx", folder / "int8.onnx", weight_type=QuantType.QInt8)
    return onnx_network(folder / "int8.onnx")


def ratios(ways, inputs, rounds, repeats):
    """{name: [time over that of the first, by round]}, processor time, and the first's microseconds, by round."""
    times = {name: [] for name in ways}
    for _ in range(rounds):
        for name, run in ways.items():
            run(inputs)
            before = time.process_time()
            for _ in range(repeats):
                run(inputs)
            times[name].append((time.process_time() - before) / repeats)
    first = next(iter(times.values()))
    return {name: [a / b for a, b in zip(own, first, strict=True)] for name, own in times.items()}, first


def quartiles(values):
    return [round(value, 3) for value in statistics.quantiles(values, n=4, method="inclusive")]


def run_fast(network):
    """{way: quartiles of the time over PyTorch's, at batch 1 and 256; test errors; answers that changed}."""
    model = fast_networks()[network]
    inputs, labels, _ = world()[1]
    with tempfile.TemporaryDirectory() as folder:
        ways = ways_to_run(model, Path(folder))
        missing = {name: run for name, run in ways.items() if isinstance(run, str)}
        ways = {name: run for name, run in ways.items() if name not in missing}
        rows = {}
        before = ways["PyTorch"](inputs)
        for name, run in ways.items():
            after = run(inputs)
            changed = int((after.argmax(-1) != before.argmax(-1)).sum())
            rows[name] = {"test_errors": errors(after, labels), "changed": changed}
        micros = {}
        for batch, repeats in ((1, 100), (256, 8)):
            found, first = ratios(ways, inputs[:batch], 15, repeats)
            micros[f"batch_{batch}"] = round(1e6 * statistics.median(first), 1)
            for name, own in found.items():
                rows[name][f"batch_{batch}"] = quartiles(own)
        files = {name: (Path(folder) / f"{name}.onnx").stat().st_size for name in ("float", "int8")}
    return {"ways": rows, "missing": missing, "microseconds": micros, "onnx_bytes": files, "with": versions()}


def versions():
    names = ("torch", "onnx", "onnxruntime", "torchao", "transformers")
    found = {}
    for name in names:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            found[name] = None
    return found


def fast_jobs():
    for network in ("1200-1200", "300-100", "32"):
        yield {"network": network}


SECTIONS = {
    "mend": (run_mend, mend_jobs),
    "one_rate": (run_one_rate, one_rate_jobs),
    "unseen": (run_unseen, unseen_jobs),
    "gradual": (run_gradual, gradual_jobs),
    "small": (run_small, small_jobs),
    "frontier": (run_frontier, frontier_jobs),
    "kilobytes": (run_kilobytes, kilobytes_jobs),
    "moved": (run_moved, moved_jobs),
    "kilobytes_few": (run_kilobytes_few, few_jobs),
    "fast": (run_fast, fast_jobs),
}

if __name__ == "__main__":
    main(RECORD, SECTIONS, __doc__)
