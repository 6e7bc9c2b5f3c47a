"""How fast the training loop is, as ratios measured in one run: `make bench`, or `python benchmarks/speed.py`.

Each pair of loops does the same work (the same network, batch size, number of steps, fused Adam) in turns, and the
figure is the median over the rounds of the ratio within a round. Times are processor time of this one process with one
thread, so that other programs on the machine disturb little. The result goes to benchmarks/results/speed.json and, as
a table, to the terminal; benchmarks/README.md keeps the recorded one.
"""

import json
import platform
import statistics
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch.nn import functional as F
from torch.utils.data import DataLoader, Dataset, TensorDataset

from kdlab.data import load_mnist
from kdlab.models import MLP, to_inputs
from kdlab.teachers import load_mnist_teacher, predict_logits
from kdlab.training import Recipe, train

COUNT, BATCH, EPOCHS, ROUNDS = 10_000, 128, 4, 11
STEPS = EPOCHS * (COUNT // BATCH)
RESULTS = Path(__file__).parent / "results" / "speed.json"


# --- the loops; each trains a fresh student for STEPS steps ---------------------------------------


def ours(student, inputs, labels, teacher_logits=None, jitter=None):
    recipe = Recipe(steps=STEPS, batch_size=BATCH)
    for _ in train(student, inputs, labels, teacher_logits, recipe=recipe, jitter=jitter):
        pass


def bare(student, inputs, labels):
    """The least a loop over tensors can do: shuffle, index, forward, backward, step."""
    optimizer = torch.optim.Adam(student.parameters(), lr=1e-3, fused=True)
    for _ in range(EPOCHS):
        for chosen in torch.randperm(COUNT)[: COUNT - COUNT % BATCH].split(BATCH):
            loss = F.cross_entropy(student(inputs[chosen]), labels[chosen])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()


def loader(student, dataset, teacher=None):
    """The usual tutorial loop over a DataLoader; with a teacher, its forward pass runs in every step."""
    optimizer = torch.optim.Adam(student.parameters(), lr=1e-3, fused=True)
    student.train()
    running = 0.0
    batches = DataLoader(dataset, batch_size=BATCH, shuffle=True, drop_last=True)
    for x, y in (batch for _ in range(EPOCHS) for batch in batches):
        optimizer.zero_grad()
        x = x.flatten(1)
        logits = student(x)
        loss = F.cross_entropy(logits, y)
        if teacher is not None:
            with torch.no_grad():
                p = F.softmax(teacher(x) / 4, dim=-1)
            soft = F.kl_div(F.log_softmax(logits / 4, dim=-1), p, reduction="batchmean")
            loss = 0.1 * loss + 0.9 * 16 * soft
        loss.backward()
        optimizer.step()
        running += loss.item()


class PerSample(Dataset):
    """A data set that works like torchvision's MNIST with the transforms (RandomCrop,) ToTensor and Normalize.

    The operations that torchvision does for each image, written out, so that measuring needs no torchvision.
    """

    def __init__(self, images, labels, crop=False):
        self.images, self.labels, self.crop = torch.from_numpy(images), labels, crop

    def __len__(self):
        return len(self.images)

    def __getitem__(self, index):
        image, label = Image.fromarray(self.images[index].numpy()), int(self.labels[index])
        if self.crop:
            image = random_crop(image)
        return normalise(to_tensor(image), (0.1307,), (0.3081,)), label


def random_crop(image, padding=2):
    width, height = image.size
    padded = Image.new("L", (width + 2 * padding, height + 2 * padding))
    padded.paste(image, (padding, padding))
    top = int(torch.randint(0, 2 * padding + 1, size=(1,)).item())
    left = int(torch.randint(0, 2 * padding + 1, size=(1,)).item())
    return padded.crop((left, top, left + width, top + height))


def to_tensor(image):
    tensor = torch.from_numpy(np.array(image, np.uint8, copy=True))
    tensor = tensor.view(image.size[1], image.size[0], len(image.getbands()))
    return tensor.permute((2, 0, 1)).contiguous().to(dtype=torch.get_default_dtype()).div(255)


def normalise(tensor, mean, std):
    tensor = tensor.clone()
    mean = torch.as_tensor(mean, dtype=tensor.dtype, device=tensor.device)
    std = torch.as_tensor(std, dtype=tensor.dtype, device=tensor.device)
    if (std == 0).any():
        raise ValueError("std is zero")
    return tensor.sub_(mean.view(-1, 1, 1)).div_(std.view(-1, 1, 1))


# --- measuring ------------------------------------------------------------------------------------


def ratios(first, second, widths, rounds=ROUNDS):
    """The median of time(second) / time(first) with its quartiles, and the median milliseconds a step of both."""
    times = []
    for k in range(rounds + 1):
        pair = []
        for loop in (first, second) if k % 2 else (second, first):
            student = MLP(*widths)
            start = time.process_time()
            loop(student)
            pair.append(time.process_time() - start)
        times.append(pair if k % 2 else pair[::-1])
    times = times[1:]  # the first round warms up
    low, middle, high = statistics.quantiles([b / a for a, b in times], n=4)
    steps = [1000 * statistics.median(column) / STEPS for column in zip(*times, strict=True)]
    return {"ratio": middle, "quartiles": [low, high], "first_ms": steps[0], "second_ms": steps[1], "rounds": rounds}


def import_seconds(modules, repeats=9):
    """Median seconds that importing these modules takes in a new Python that has NumPy already."""
    code = f"import numpy, time; s = time.perf_counter(); import {', '.join(modules)}; print(time.perf_counter() - s)"
    runs = [subprocess.run([sys.executable, "-c", code], capture_output=True, text=True) for _ in range(repeats)]
    return statistics.median(float(run.stdout) for run in runs)


def main():
    torch.set_num_threads(1)
    mnist = load_mnist()
    images, labels = mnist.train_images[:COUNT], torch.from_numpy(mnist.train_labels[:COUNT])
    inputs = to_inputs(images)
    teacher = load_mnist_teacher()
    teacher_logits = predict_logits(teacher, inputs)
    tensors, per_sample = TensorDataset(inputs, labels), PerSample(images, labels)
    cropped = PerSample(images, labels, crop=True)
    usual, small = (784, 300, 300, 10), (784, 128, 10)

    def plain(student):
        ours(student, inputs, labels)

    def distilled(student):
        ours(student, inputs, labels, teacher_logits)

    def jittered(student):
        ours(student, inputs, labels, jitter=2)

    found, start = {}, time.time()
    for name, first, second, widths in (
        ("bare loop / ours", plain, lambda s: bare(s, inputs, labels), usual),
        ("distillation with cached logits / plain, both ours", plain, distilled, usual),
        ("DataLoader(TensorDataset) / ours", plain, lambda s: loader(s, tensors), usual),
        ("DataLoader, a transform per sample / ours", plain, lambda s: loader(s, per_sample), usual),
        ("the same, a small student", plain, lambda s: loader(s, per_sample), small),
        ("DataLoader, random crops per sample / ours with jitter=2", jittered, lambda s: loader(s, cropped), usual),
        ("the same, a small student with jitter", jittered, lambda s: loader(s, cropped), small),
        (
            "tutorial distillation (transform per sample, teacher run in each step) / ours, cached logits",
            distilled,
            lambda s: loader(s, per_sample, teacher),
            usual,
        ),
    ):
        rounds = 3 if "sample" in name or "same" in name else ROUNDS
        found[name] = ratios(first, second, widths, rounds) | {"network": "-".join(map(str, widths))}
    core = ["kdlab", "kdlab.data", "kdlab.course"]  # the others need torch, as every lesson does
    found["import"] = {"modules": core, "seconds beyond numpy": import_seconds(core)}

    for name, row in found.items():
        if name == "import":
            print(f"import of {', '.join(core)} beyond numpy: {1000 * row['seconds beyond numpy']:.0f} ms")
        else:
            low, high = row["quartiles"]
            print(
                f"| {name} | {row['network']} | {row['first_ms']:.2f} | {row['second_ms']:.2f} "
                f"| {row['ratio']:.2f} ({low:.2f} to {high:.2f}) |"
            )
    RESULTS.parent.mkdir(exist_ok=True)
    environment = {
        "script": "benchmarks/speed.py",
        "python": platform.python_version(),
        "torch": torch.__version__,
        "numpy": np.__version__,
        "threads": 1,
        "batch_size": BATCH,
        "steps": STEPS,
        "seconds": round(time.time() - start),
    }
    RESULTS.write_text(json.dumps({"environment": environment, "results": found}, indent=1) + "\n")


if __name__ == "__main__":
    main()
