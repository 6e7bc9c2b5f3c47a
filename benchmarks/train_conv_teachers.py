"""Train the convolutional teachers and write them to data/ in half precision: digits, clothes, cluttered digits.

    python benchmarks/train_conv_teachers.py [--fashion FOLDER] [digits | clothes | clutter ...]

One to three minutes each on one core. FOLDER holds Fashion-MNIST's own files (data/README.md says where they come from):
the teacher of clothes learns from 58 000 images, and only 12 000 of them come with the course. Test errors are printed
once, at the end, and chose nothing.
"""

import argparse
import gzip
import hashlib
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save
from tqdm import tqdm

import kdlab.data
from kdlab.data import clutter, load_fashion, load_mnist
from kdlab.metrics import errors
from kdlab.models import to_inputs
from kdlab.teachers import CONV_TEACHERS, conv_teacher, predict_logits
from kdlab.training import Recipe, train

RECIPES = {
    "digits": Recipe(steps=2500, batch_size=128, learning_rate=2e-3),
    "clothes": Recipe(steps=3000, batch_size=128, learning_rate=2e-3),
    "clutter": Recipe(steps=3000, batch_size=128, learning_rate=3e-3),
}
JITTER = {"digits": 2, "clothes": 1, "clutter": 3}


def digits():
    """(images, labels) to train on, to choose by, to test on."""
    mnist = load_mnist()
    return (
        (mnist.train_images[:50_000], mnist.train_labels[:50_000]),
        (mnist.train_images[50_000:], mnist.train_labels[50_000:]),
        (mnist.test_images, mnist.test_labels),
    )


def clothes(folder):
    """The same for clothes; to choose by are the images 10 000 to 11 999, everybody's validation set."""
    fashion = load_fashion()
    contents = [
        gzip.decompress((folder / f"train-{what}-ubyte.gz").read_bytes()) for what in ("images-idx3", "labels-idx1")
    ]
    images = np.frombuffer(contents[0], np.uint8, offset=16).reshape(-1, 28, 28).copy()
    labels = np.frombuffer(contents[1], np.uint8, offset=8).astype(np.int64)
    held = slice(10_000, 12_000)
    if len(images) != 60_000 or not np.array_equal(images[:12_000], fashion.train_images):
        raise SystemExit(f"{folder} does not hold Fashion-MNIST's own 60 000 training images")
    others = np.delete(images, held, 0), np.delete(labels, held)
    return others, (images[held], labels[held]), (fashion.test_images, fashion.test_labels)


def cluttered():
    """The same for digits in clutter: the splits of `digits`, every picture's scraps cut from its own split."""
    parts = digits()
    return tuple((clutter(images, images, seed=90 + k)[0], labels) for k, (images, labels) in enumerate(parts))


def make(name, parts):
    (inputs, labels), *held_out = [(to_inputs(images), torch.from_numpy(labels)) for images, labels in parts]
    teacher = conv_teacher(name)

    def evaluate(model):
        return {"errors": errors(predict_logits(model, held_out[0][0]), held_out[0][1])}

    options = {"recipe": RECIPES[name], "jitter": JITTER[name], "evaluate": evaluate, "evaluate_every": 500}
    for record in tqdm(train(teacher, inputs, labels, **options), total=RECIPES[name].steps, mininterval=10):
        if "errors" in record:
            tqdm.write(f"step {record['step']}: loss {record['loss']:.4f}, validation errors {record['errors']}")
    half = {key: tensor.half() for key, tensor in teacher.state_dict().items()}
    teacher.load_state_dict({key: tensor.float() for key, tensor in half.items()})  # what readers will load
    found = [(errors(predict_logits(teacher, x), y), len(y)) for x, y in held_out]
    content = save(half)
    (kdlab.data.DATA / CONV_TEACHERS[name]).write_bytes(content)
    print(f"{name}: validation errors {found[0][0]} of {found[0][1]}, test errors {found[1][0]} of {found[1][1]}")
    print(f"{hashlib.sha256(content).hexdigest()}  {CONV_TEACHERS[name]}")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--fashion", type=Path, help="the folder of Fashion-MNIST's own files")
    parser.add_argument("names", nargs="*", help=", ".join(RECIPES))
    options = parser.parse_args()
    torch.set_num_threads(1)
    for name in options.names or RECIPES:
        if name == "clothes" and options.fashion is None:
            parser.error("clothes need --fashion FOLDER")
        make(name, clothes(options.fashion) if name == "clothes" else {"digits": digits, "clutter": cluttered}[name]())
    print("Put the SHA-256 lines in data/SHA256SUMS; another processor or PyTorch gives other last digits.")


if __name__ == "__main__":
    main()
