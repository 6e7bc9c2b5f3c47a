"""Train data/moby_dick_teacher.safetensors, the language model of lesson 12 (see data/README.md).

    python benchmarks/train_moby_dick_teacher.py

A transformer of 4 layers reads the training chapters in windows of 128 characters, 1800 batches of 32, in about half
an hour on one core. The validation chapters are only looked at.
"""

import hashlib
import time

import torch
from safetensors.torch import save

from kdlab.data import DATA, load_moby_dick
from kdlab.language import bits_per_character, train_language_model
from kdlab.models import LanguageModel
from kdlab.teachers import MOBY_DICK_SHAPE, MOBY_DICK_TEACHER
from kdlab.text import CharacterTokenizer
from kdlab.training import Recipe

RECIPE = Recipe(temperature=1.0, alpha=1.0, steps=1800, batch_size=32, learning_rate=2e-3, seed=0)


def main():
    torch.set_num_threads(1)
    book = load_moby_dick()
    tokenizer = CharacterTokenizer.train(book.train)
    train, validation, test = (torch.from_numpy(tokenizer.encode(text)) for text in book[:3])
    teacher = LanguageModel(len(tokenizer), **MOBY_DICK_SHAPE)
    run = train_language_model(
        teacher, train, recipe=RECIPE, length=teacher.context, evaluate_every=200,
        evaluate=lambda model: {"validation": bits_per_character(model, validation[:30_000])},
    )  # fmt: skip
    start = time.perf_counter()
    for record in run:
        if "validation" in record:
            print(record["step"], round(record["validation"], 4), f"{time.perf_counter() - start:.0f} s", flush=True)
    weights = {name: tensor.half() for name, tensor in teacher.state_dict().items()}
    characters = torch.tensor(list("".join(tokenizer.vocabulary).encode()), dtype=torch.uint8)
    content = save({**weights, "characters": characters})
    (DATA / MOBY_DICK_TEACHER).write_bytes(content)
    print(f"{hashlib.sha256(content).hexdigest()}  {MOBY_DICK_TEACHER}: put this line into data/SHA256SUMS")
    teacher.load_state_dict({name: tensor.float() for name, tensor in weights.items()})
    for name, text in (("training", train[:100_000]), ("validation", validation), ("test", test)):
        print(name, round(bits_per_character(teacher, text), 4), "bits per character")


if __name__ == "__main__":
    main()
