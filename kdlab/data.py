"""The data sets that come with the course: read from data/, checked, never downloaded."""

import gzip
import hashlib
import json
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np

DATA = Path(__file__).resolve().parent.parent / "data"
REVIEWS = "reviews.tsv.gz"
MOBY_DICK = "moby_dick.txt.gz"
TRANSFER_SET = "transfer_set.safetensors"
FASHION_CLASSES = (
    "T-shirt", "trousers", "pullover", "dress", "coat", "sandal", "shirt", "trainer", "bag", "ankle boot",
)  # fmt: skip


class DataFileError(RuntimeError):
    """A data file is missing or is not the one that belongs to the course."""


class Mnist(NamedTuple):
    """MNIST: images are uint8 (N, 28, 28), labels int64 (N,); 60 000 to train on and 10 000 to test on."""

    train_images: np.ndarray
    train_labels: np.ndarray
    test_images: np.ndarray
    test_labels: np.ndarray


class Fashion(NamedTuple):
    """Fashion-MNIST, ten kinds of clothes (`FASHION_CLASSES`), in the form of `Mnist`: 12 000 to train on, 8 000 to test on.

    Train on the first 10 000 of the 12 000 and choose by the last 2 000: the shipped teacher has not seen those either.
    """

    train_images: np.ndarray
    train_labels: np.ndarray
    test_images: np.ndarray
    test_labels: np.ndarray


@dataclass(frozen=True)
class Reviews:
    """N sentences from film reviews; `len()` is N. The n-th entries of all four belong together.

    sentences: list of str. ratings: list of int8 arrays, -4 (very negative) to 4, one entry for each of the 15 to 29
    people who read the sentence. labels: int64 (N,), 1 if the mean rating is above 0, else 0: the 37 sentences of
    10 605 whose mean is exactly 0 count as negative. soft: float32 (N, 2), the part of the raters who found the
    sentence negative, positive; a rating of 0 counts half for either.
    """

    sentences: list[str]
    ratings: list[np.ndarray]
    labels: np.ndarray
    soft: np.ndarray

    def __len__(self):
        return len(self.sentences)


class ReviewSplits(NamedTuple):
    """The rated sentences: 7 605 to train on, 1 000 to choose by, 2 000 to test on, each in random order."""

    train: Reviews
    validation: Reviews
    test: Reviews


class MobyDick(NamedTuple):
    """Herman Melville's Moby-Dick (1851) as text, split by whole chapters; `chapters` are (number and title, text)."""

    train: str
    validation: str
    test: str
    chapters: list[tuple[str, str]]


@dataclass(frozen=True)
class Answers:
    """What SmolLM2-135M-Instruct wrote in answer to N prompts, with its probabilities; `len()` is N.

    prompts, texts: lists of str. tokens: int64 (M,), one stream: a prompt, <|im_start|>, its answer, <|im_end|>, the
    next prompt. starts: int64 (N + 1,), where each prompt begins in it, and M. Entry i of the other three is about the
    token *after* place i: counts, bool (M,), is True where the teacher wrote that token; there, top_ids int64 (M, k)
    are the k tokens that it found likeliest, top_probabilities float32 (M, k) their shares of softmax(z / 0.7).
    """

    prompts: list[str]
    texts: list[str]
    tokens: np.ndarray
    starts: np.ndarray
    counts: np.ndarray
    top_ids: np.ndarray
    top_probabilities: np.ndarray

    def __len__(self):
        return len(self.prompts)


class TransferSet(NamedTuple):
    """Answers to train on, to choose by and to test on, split by subject, with the vocabulary that they share.

    `BytePairTokenizer(vocabulary, merges)` reads and writes it; teacher_ids int64 (V,) says which id each entry has in
    the teacher's own vocabulary. left_out: list of {"why", "prompt", "text"}, what the filters took away.
    """

    train: Answers
    validation: Answers
    test: Answers
    vocabulary: list[str]
    merges: list[tuple[str, str]]
    teacher_ids: np.ndarray
    left_out: list[dict[str, str]]


def read_checked(name):
    """The bytes of data/NAME. DataFileError if it is missing or its SHA-256 is not in data/SHA256SUMS."""
    expected = _checksums().get(name)
    if expected is None:
        raise DataFileError(f"data/{name} is not listed in data/SHA256SUMS, so it cannot be checked.")
    try:
        content = (DATA / name).read_bytes()
    except FileNotFoundError:
        raise DataFileError(f"data/{name} is missing. {_remedy(name)}") from None
    if hashlib.sha256(content).hexdigest() != expected:
        raise DataFileError(f"data/{name} has changed: its SHA-256 is not the recorded one. {_remedy(name)}")
    return content


def verify(name):
    """The path of data/NAME, after its SHA-256 was compared with data/SHA256SUMS. Raises DataFileError."""
    read_checked(name)
    return DATA / name


def load_mnist():
    """MNIST (LeCun, Cortes & Burges) as NumPy arrays in an `Mnist`. Raises DataFileError."""
    return Mnist(
        _read_idx("mnist/train-images-idx3-ubyte.gz"),
        _read_idx("mnist/train-labels-idx1-ubyte.gz").astype(np.int64),
        _read_idx("mnist/t10k-images-idx3-ubyte.gz"),
        _read_idx("mnist/t10k-labels-idx1-ubyte.gz").astype(np.int64),
    )


def load_fashion():
    """20 000 images of Fashion-MNIST (Xiao, Rasul & Vollgraf 2017), NumPy arrays in a `Fashion`. Raises DataFileError."""
    return Fashion(
        _read_idx("fashion/train-images-idx3-ubyte.gz"),
        _read_idx("fashion/train-labels-idx1-ubyte.gz").astype(np.int64),
        _read_idx("fashion/t10k-images-idx3-ubyte.gz"),
        _read_idx("fashion/t10k-labels-idx1-ubyte.gz").astype(np.int64),
    )


def clutter(images, others, *, fragments=5, seed=0):
    """(pictures uint8 (N, 28, 28), boxes bool (N, 28, 28)): digits of half the size, each at a random place among scraps.

    Each of the images (N, 28, 28) is shrunk to 14 × 14 and lies on top; `fragments` squares of 6 × 6, cut from shrunk
    `others` (M, 28, 28), lie around or under it. A box is True where the digit's square is. The label of a picture is
    that of its image.
    """
    images, others = np.asarray(images), np.asarray(others)
    for name, array in (("images", images), ("others", others)):
        if array.dtype != np.uint8 or array.ndim != 3 or array.shape[1:] != (28, 28) or not len(array):
            raise ValueError(f"{name} must be a uint8 array (N, 28, 28) of at least one image, got {array.shape}")
    random, rows = np.random.default_rng(seed), np.arange(len(images))
    pictures, boxes = np.zeros((len(images), 28, 28), np.uint8), np.zeros((len(images), 28, 28), bool)
    small = _half_size(others)
    for _ in range(fragments):
        source = random.integers(len(small), size=len(images))
        from_ = _squares(random.integers(2, 7, (len(images), 2)), 6)
        to = (rows[:, None, None], *_squares(random.integers(0, 23, (len(images), 2)), 6))
        pictures[to] = np.maximum(pictures[to], small[(source[:, None, None], *from_)])
    place = (rows[:, None, None], *_squares(random.integers(0, 15, (len(images), 2)), 14))
    pictures[place], boxes[place] = _half_size(images), True
    return pictures, boxes


def corner_of(box):
    """[top, left, side] of a box of `clutter`, bool (28, 28)."""
    rows, columns = np.nonzero(box)
    return [int(rows.min()), int(columns.min()), int(rows.max() - rows.min() + 1)]


def _half_size(images):
    """uint8 (N, 28, 28) -> (N, 14, 14): means of 2 × 2 pixels, brighter by 1.3, which a stroke loses by shrinking."""
    means = images.reshape(-1, 14, 2, 14, 2).mean((2, 4), dtype=np.float32)
    return np.minimum(1.3 * means, 255).astype(np.uint8)


def _squares(corners, side):
    """The places (N, side, 1) and (N, 1, side) of the rows and columns of squares, from their upper left corners (N, 2)."""
    steps = np.arange(side)
    return corners[:, 0, None, None] + steps[:, None], corners[:, 1, None, None] + steps


def load_reviews():
    """10 605 rated sentences from film reviews (Hutto & Gilbert 2014) as `ReviewSplits`. Raises DataFileError."""
    _, *lines = gzip.decompress(read_checked(REVIEWS)).decode().splitlines()
    rows = [line.split("\t") for line in lines]
    return ReviewSplits(*(_reviews([row for row in rows if row[0] == split]) for split in ReviewSplits._fields))


def load_moby_dick():
    """Moby-Dick in 39 symbols (small letters, signs, space, new line) as a `MobyDick`. Raises DataFileError.

    Of the 135 chapters, those whose number ends in 4 are for validation, those that end in 9 for testing.
    """
    parts = gzip.decompress(read_checked(MOBY_DICK)).decode().split("# ")[1:]
    chapters = [tuple(part.split("\n", 1)) for part in parts]
    splits = {"train": [], "validation": [], "test": []}
    for number, (_, text) in enumerate(chapters, 1):
        splits[{4: "validation", 9: "test"}.get(number % 10, "train")].append(text)
    return MobyDick(*("".join(texts) for texts in splits.values()), chapters)


def load_transfer_set():
    """What a real language model wrote for lesson 13 as a `TransferSet`. Raises DataFileError."""
    from safetensors.numpy import load

    content = load(read_checked(TRANSFER_SET))
    words = json.loads(content["text"].tobytes())
    ends = content["lengths"].astype(np.int64).cumsum()
    counts = np.unpackbits(content["counts"], count=ends[-1]).astype(bool)
    k = content["top_ids"].shape[1]
    top_ids, top = np.tile(np.arange(k), (len(counts), 1)), np.zeros((len(counts), k), np.float32)
    top_ids[counts] = content["top_ids"]
    top[counts] = (content["top_roots"].astype(np.float32) / 255) ** 2
    top /= np.maximum(top.sum(1, keepdims=True), 1)  # rounding may have made a sum a little larger than 1
    stream = {
        "tokens": content["tokens"].astype(np.int64),
        "counts": counts,
        "top_ids": top_ids,
        "top_probabilities": top,
    }
    starts, splits = np.concatenate([[0], ends]), content["splits"]
    parts = []
    for split in range(3):
        first, last = np.searchsorted(splits, [split, split + 1])  # the answers are in the order of the splits
        own = {name: array[starts[first] : starts[last]] for name, array in stream.items()}
        asked = content["asked"][first:last].astype(np.int64)
        parts.append(_answers(own, starts[first : last + 1] - starts[first], asked, words["vocabulary"]))
    merges = [tuple(pair) for pair in words["merges"]]
    return TransferSet(*parts, words["vocabulary"], merges, np.array(words["teacher_ids"]), words["left_out"])


def _answers(stream, starts, asked, vocabulary):
    """The `Answers` in one split's stream; asked (N,) tokens of each row are its prompt."""
    pieces = ["" if piece.startswith("<|") else piece for piece in vocabulary]
    words = [pieces[i] for i in stream["tokens"]]
    edges = list(zip(starts[:-1], starts[:-1] + asked, starts[1:], strict=True))
    prompts = ["".join(words[first:middle]) for first, middle, _ in edges]
    texts = ["".join(words[middle:last]) for _, middle, last in edges]
    return Answers(prompts, texts, starts=starts, **stream)


def _reviews(rows):
    """The `Reviews` in rows of split, sentence, ratings."""
    ratings = [np.array(row[2].split(), np.int8) for row in rows]
    means = np.array([own.mean() for own in ratings])
    positive = np.array([(np.sign(own).mean() + 1) / 2 for own in ratings])
    return Reviews(
        sentences=[row[1] for row in rows],
        ratings=ratings,
        labels=(means > 0).astype(np.int64),
        soft=np.stack([1 - positive, positive], 1).astype(np.float32),
    )


def _read_idx(name):
    """The uint8 array in a gzip'ed IDX file."""
    packed = read_checked(name)
    size = int.from_bytes(packed[-4:], "little")  # gzip ends with the unpacked length
    content = zlib.decompress(packed, wbits=31, bufsize=size)
    dimensions = content[3]
    shape = np.frombuffer(content, ">u4", count=dimensions, offset=4)
    return np.frombuffer(bytearray(content), np.uint8, offset=4 + 4 * dimensions).reshape(shape)


def _checksums():
    """data/SHA256SUMS (sha256sum's format) as {name: hexadecimal digest}."""
    try:
        lines = (DATA / "SHA256SUMS").read_text().splitlines()
    except FileNotFoundError:
        raise DataFileError(
            f"There is no data folder at {DATA}. kdlab reads its data from the course's repository: "
            "clone it and install the package from there with `pip install -e .`."
        ) from None
    return {name: digest for digest, name in (line.split(maxsplit=1) for line in lines if line.strip())}


def _remedy(name):
    return f"Bring it back with `git checkout -- data/{name}`, or download the course again."


def load_results(name):
    """The recorded result benchmarks/results/NAME.json as plain data. DataFileError if it is missing."""
    path = DATA.parent / "benchmarks" / "results" / f"{name}.json"
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise DataFileError(
            f"benchmarks/results/{name}.json is missing. Restore it with git, or make it again."
        ) from None
