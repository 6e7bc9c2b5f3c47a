"""How fast language models train and write, as ratios measured in one run: `python benchmarks/language_speed.py`.

Each pair does the same work in turns, and the figure is the median over the rounds of the ratio within a round. Times
are processor time of this one process with one thread. The text is Moby-Dick, the weights are untrained: they change
nothing about the speed. The result goes to benchmarks/results/language_speed.json and, as a table, to the terminal;
benchmarks/README.md keeps the recorded one.
"""

import json
import os
import platform
import statistics
import time
from pathlib import Path

import torch
from torch import nn
from torch.nn import functional as F

from kdlab.data import load_moby_dick
from kdlab.generation import generate
from kdlab.language import train_language_model
from kdlab.models import LanguageModel, evaluating
from kdlab.text import CharacterTokenizer
from kdlab.training import Recipe

BATCH, LENGTH, ROUNDS = 32, 64, 11
NEW = 200  # characters to write after a prompt of 16
STUDENT = {"width": 64, "heads": 4, "layers": 2, "context": 256}
TEACHER = {"width": 160, "heads": 5, "layers": 4, "context": 256}  # the size of Moby-Dick's teacher
SIZES = (("width 64, 2 layers", STUDENT, 30), ("width 160, 4 layers", TEACHER, 6))  # with steps in a run
RESULTS = Path(__file__).parent / "results" / "language_speed.json"


# --- the loops ------------------------------------------------------------------------------------


def ours(student, text, steps, teacher=None):
    recipe = Recipe(temperature=1.0, alpha=0.5, steps=steps, batch_size=BATCH)
    for _ in train_language_model(student, text, teacher, recipe=recipe, length=LENGTH):
        pass


def plain(student, text, steps, teacher=None):
    """The least a loop can do: windows at random starts, forward, backward, step; nothing checked or recorded."""
    optimizer = torch.optim.Adam(student.parameters(), lr=1e-3, fused=True)
    inside = torch.arange(LENGTH)
    for _ in range(steps):
        places = torch.randint(len(text) - LENGTH, (BATCH, 1)) + inside
        logits = student(text[places]).flatten(0, 1)
        loss = F.cross_entropy(logits, text[places + 1].flatten())
        if teacher is not None:
            log_p = F.log_softmax(teacher[places].flatten(0, 1), dim=-1)
            soft = F.kl_div(F.log_softmax(logits, dim=-1), log_p, reduction="batchmean", log_target=True)
            loss = 0.5 * loss + 0.5 * soft
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()


class Encoder(nn.Module):
    """The same network made of PyTorch's own layers."""

    def __init__(self, vocabulary, width, heads, layers, context):
        super().__init__()
        self.tokens, self.positions = nn.Embedding(vocabulary, width), nn.Embedding(context, width)
        layer = nn.TransformerEncoderLayer(width, heads, 4 * width, 0.0, "gelu", norm_first=True, batch_first=True)
        self.encoder = nn.TransformerEncoder(layer, layers, nn.LayerNorm(width), enable_nested_tensor=False)

    def forward(self, ids):
        state = self.tokens(ids) + self.positions.weight[: ids.shape[1]]
        mask = nn.Transformer.generate_square_subsequent_mask(ids.shape[1])
        return self.encoder(state, mask, is_causal=True) @ self.tokens.weight.T


# --- measuring ------------------------------------------------------------------------------------


def ratios(first, second, rounds=ROUNDS):
    """The median of time(second) / time(first) with its quartiles, and the median seconds of both."""
    times = []
    for k in range(rounds + 1):
        pair = {}
        for name, run in (("first", first), ("second", second)) if k % 2 else (("second", second), ("first", first)):
            start = time.process_time()
            run()
            pair[name] = time.process_time() - start
        times.append(pair)
    times = times[1:]  # the first round warms up
    low, middle, high = statistics.quantiles([pair["second"] / pair["first"] for pair in times], n=4)
    seconds = {name: statistics.median(pair[name] for pair in times) for name in ("first", "second")}
    return {"ratio": middle, "quartiles": [low, high], "rounds": rounds} | seconds


def training(text, vocabulary, sizes, steps, teacher=None):
    """Tokens a second of `train_language_model` over those of the plain loop."""
    row = ratios(
        lambda: ours(LanguageModel(vocabulary, **sizes), text, steps, teacher),
        lambda: plain(LanguageModel(vocabulary, **sizes), text, steps, teacher),
    )
    tokens = steps * BATCH * LENGTH
    return row | {"tokens per second": tokens / row["first"], "plain loop": tokens / row["second"]}


def layers(text, vocabulary, sizes, steps):
    """The plain loop over `LanguageModel` and over PyTorch's own layers."""
    row = ratios(
        lambda: plain(LanguageModel(vocabulary, **sizes), text, steps),
        lambda: plain(Encoder(vocabulary, **sizes), text, steps),
    )
    tokens = steps * BATCH * LENGTH
    return row | {"tokens per second": tokens / row["first"], "PyTorch's layers": tokens / row["second"]}


def writing(text, vocabulary, sizes, batch):
    """Sampling with the cache of keys and values and without."""
    model = LanguageModel(vocabulary, **sizes)
    prompt = text[: 16 * batch].reshape(batch, 16)
    row = ratios(
        lambda: generate(model, prompt, NEW),
        lambda: generate(model, prompt, NEW, use_cache=False),
        rounds=3,
    )
    return row | {"characters per second": batch * NEW / row["first"], "without": batch * NEW / row["second"]}


def bare_writing(text, vocabulary, sizes):
    """`generate` against a bare loop over the model with its cache, which checks nothing and may not be stopped."""
    model = LanguageModel(vocabulary, **sizes)
    prompt = text[:16][None]

    def bare():
        ids, cache, written = prompt, [], []
        with evaluating(model):
            for _ in range(NEW):
                ids = torch.multinomial(model(ids, cache)[:, -1].softmax(-1), 1)
                written.append(ids)
        return torch.cat([prompt, *written], 1)

    row = ratios(lambda: generate(model, prompt, NEW), bare)
    return row | {"characters per second": NEW / row["first"], "bare loop": NEW / row["second"]}


def main():
    torch.set_num_threads(1)
    book = load_moby_dick()
    tokenizer = CharacterTokenizer.train(book.train)
    text, vocabulary = torch.from_numpy(tokenizer.encode(book.train)), len(tokenizer)
    teacher = torch.randn(len(text), vocabulary, generator=torch.Generator().manual_seed(0))
    loads, start, found = [os.getloadavg()[0]], time.time(), {}
    for size, sizes, steps in SIZES:
        found[f"training on text, {size}"] = training(text, vocabulary, sizes, steps)
        found[f"distillation from logits, {size}"] = training(text, vocabulary, sizes, steps, teacher)
        found[f"PyTorch's own layers / LanguageModel, {size}"] = layers(text, vocabulary, sizes, steps)
        loads.append(os.getloadavg()[0])
    for size, sizes, _ in SIZES:
        for batch in (1, 16):
            found[f"writing without the cache / with it, {size}, {batch} at once"] = writing(
                text, vocabulary, sizes, batch
            )
        found[f"bare loop with cache / generate, {size}"] = bare_writing(text, vocabulary, sizes)
        loads.append(os.getloadavg()[0])

    for name, row in found.items():
        first, second = list(row.items())[-2:]
        low, high = row["quartiles"]
        print(f"| {name} | {first[1]:.0f} | {second[1]:.0f} | {row['ratio']:.2f} ({low:.2f} to {high:.2f}) |")
    RESULTS.parent.mkdir(exist_ok=True)
    environment = {
        "script": "benchmarks/language_speed.py",
        "python": platform.python_version(),
        "torch": torch.__version__,
        "threads": 1,
        "batch_size": BATCH,
        "length": LENGTH,
        "steps": [steps for *_, steps in SIZES],
        "new_characters": NEW,
        "load": [round(load, 1) for load in loads],
        "seconds": round(time.time() - start),
    }
    RESULTS.write_text(json.dumps({"environment": environment, "results": found}, indent=1) + "\n")


if __name__ == "__main__":
    main()
