"""The data files are the right ones, arrive as promised, and a changed or missing one is refused by name."""

import gzip
import hashlib
import re
import shutil
import subprocess
import sys

import numpy as np
import pytest

from kdlab import data

MNIST_FILES = [
    "mnist/train-images-idx3-ubyte.gz",
    "mnist/train-labels-idx1-ubyte.gz",
    "mnist/t10k-images-idx3-ubyte.gz",
    "mnist/t10k-labels-idx1-ubyte.gz",
]


@pytest.fixture(scope="module")
def mnist():
    return data.load_mnist()


@pytest.fixture(scope="module")
def reviews():
    return data.load_reviews()


@pytest.fixture
def copied(tmp_path, monkeypatch):
    """A copy of the data folder that a test may spoil."""
    shutil.copytree(data.DATA, tmp_path / "data")
    monkeypatch.setattr(data, "DATA", tmp_path / "data")
    return tmp_path / "data"


def test_mnist_has_the_promised_shapes_types_and_balance(mnist):
    assert mnist.train_images.shape == (60_000, 28, 28) and mnist.test_images.shape == (10_000, 28, 28)
    assert mnist.train_images.dtype == mnist.test_images.dtype == np.uint8
    assert mnist.train_labels.shape == (60_000,) and mnist.test_labels.shape == (10_000,)
    assert mnist.train_labels.dtype == mnist.test_labels.dtype == np.int64
    # the counts on the pages of the data set's authors
    assert np.bincount(mnist.train_labels).tolist() == [5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949]
    assert np.bincount(mnist.test_labels).tolist() == [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009]


def test_the_first_images_look_like_their_labels(mnist):
    assert mnist.train_labels[:10].tolist() == [5, 0, 4, 1, 9, 2, 1, 3, 1, 4]
    assert mnist.train_images.max() == 255 and mnist.train_images.min() == 0
    zero, one = mnist.train_images[1], mnist.train_images[3]
    assert zero[13, 13] == 0 and one[13, 12:17].max() > 200  # a hole in the nought, a stroke through the one
    assert (mnist.train_images[:, 0, :] == 0).mean() > 0.999  # digits do not touch the border


def test_unpacked_files_are_the_originals(mnist):
    """The SHA-256 of the unpacked IDX files, as data/README.md records them, rebuilt from the arrays."""
    readme = (data.DATA / "README.md").read_text()
    for images, labels in (mnist[:2], mnist[2:]):
        count = len(labels)
        image_header = np.array([0x803, count, 28, 28], ">u4").tobytes()
        label_header = np.array([0x801, count], ">u4").tobytes()
        for content in (image_header + images.tobytes(), label_header + labels.astype(np.uint8).tobytes()):
            assert hashlib.sha256(content).hexdigest() in readme


def test_reviews_have_the_promised_sizes_and_types(reviews):
    assert [len(split) for split in reviews] == [7605, 1000, 2000]
    for split in reviews:
        assert len(split.sentences) == len(split.ratings) == len(split)
        assert split.labels.shape == (len(split),) and split.labels.dtype == np.int64
        assert split.soft.shape == (len(split), 2) and split.soft.dtype == np.float32
        assert all(own.dtype == np.int8 and 15 <= len(own) <= 29 for own in split.ratings)
        assert min(own.min() for own in split.ratings) == -4 and max(own.max() for own in split.ratings) == 4
        assert np.allclose(split.soft.sum(1), 1)


def test_the_unpacked_reviews_are_the_recorded_ones():
    text = gzip.decompress((data.DATA / data.REVIEWS).read_bytes())
    assert hashlib.sha256(text).hexdigest() in (data.DATA / "README.md").read_text()


def test_labels_and_soft_labels_are_those_of_the_ratings(reviews):
    """Computed anew in plain Python from the file itself."""
    zero_means = 0
    lines = iter(gzip.decompress((data.DATA / data.REVIEWS).read_bytes()).decode().splitlines()[1:])
    for name, split in zip(reviews._fields, reviews, strict=True):
        for i in range(len(split)):
            where, sentence, ratings = next(lines).split("\t")
            ratings = [int(rating) for rating in ratings.split()]
            assert (where, sentence, ratings) == (name, split.sentences[i], split.ratings[i].tolist())
            assert split.labels[i] == (sum(ratings) > 0)
            positive = sum(1.0 if rating > 0 else 0.5 if rating == 0 else 0.0 for rating in ratings) / len(ratings)
            assert split.soft[i] == pytest.approx([1 - positive, positive], abs=1e-6)
            zero_means += sum(ratings) == 0
    assert zero_means == 37


def test_no_sentence_of_one_split_is_in_another_however_it_is_written(reviews):
    def plain(sentence):
        return " ".join(re.findall("[a-z0-9]+", sentence.lower()))

    train, validation, test = ([plain(sentence) for sentence in split.sentences] for split in reviews)
    assert len(set(test)) == 2000 and len(set(validation)) == 1000
    assert not set(train) & set(validation) and not set(train) & set(test) and not set(validation) & set(test)


@pytest.mark.slow
def test_held_out_sentences_have_no_near_twin_anywhere(reviews):
    """No sentence shares 40 % of its pairs of neighbouring words with a held-out one: by brute force."""
    sentences = [sentence for split in reviews for sentence in split.sentences]
    words = [re.findall(r"\w+", sentence.lower()) for sentence in sentences]
    pairs = [set(zip(own, own[1:], strict=False)) or {tuple(own)} for own in words]
    numbers = {pair: n for n, pair in enumerate(sorted(set().union(*pairs)))}
    held = {}  # pair -> the held-out sentences that have it
    for i in range(7605, len(pairs)):
        for pair in pairs[i]:
            held.setdefault(numbers[pair], []).append(i)
    alike = 0
    for i, own in enumerate(pairs):
        candidates = {j for pair in own for j in held.get(numbers[pair], []) if j != i}
        alike += any(len(own & pairs[j]) / len(own | pairs[j]) >= 0.4 for j in candidates)
    assert alike == 0


def test_the_first_sentences_of_a_split_are_a_fair_sample(reviews):
    for split in reviews:
        assert 0.47 < split.labels.mean() < 0.51
        for count in (200, 500):
            assert 0.4 < split.labels[:count].mean() < 0.6


def test_people_agree_about_most_sentences_but_not_all(reviews):
    sure = np.abs(reviews.train.soft[:, 1] - 0.5) * 2
    assert 0.3 < (sure == 1).mean() < 0.7  # unanimous
    assert 0.05 < (sure < 0.5).mean() < 0.3  # a quarter or more on the other side


def test_fashion_has_the_promised_shapes_and_types():
    fashion = data.load_fashion()
    assert fashion.train_images.shape == (12_000, 28, 28) and fashion.test_images.shape == (8_000, 28, 28)
    assert fashion.train_images.dtype == fashion.test_images.dtype == np.uint8
    for labels, count in ((fashion.train_labels, 12_000), (fashion.test_labels, 8_000)):
        assert labels.shape == (count,) and labels.dtype == np.int64
        assert (np.abs(np.bincount(labels, minlength=10) - count / 10) < 0.09 * count / 10).all()
    assert len(data.FASHION_CLASSES) == 10 and fashion._fields == data.load_mnist()._fields
    names = [data.FASHION_CLASSES[label] for label in fashion.train_labels[:4]]
    assert names == ["ankle boot", "T-shirt", "T-shirt", "dress"]


def test_unpacked_fashion_files_are_the_recorded_ones():
    readme = (data.DATA / "README.md").read_text()
    for name in ("train-images-idx3", "train-labels-idx1", "t10k-images-idx3", "t10k-labels-idx1"):
        content = gzip.decompress((data.DATA / "fashion" / f"{name}-ubyte.gz").read_bytes())
        assert hashlib.sha256(content).hexdigest() in readme


def test_clutter_hides_each_digit_in_its_box(mnist):
    images, others = mnist.test_images[:200], mnist.train_images[:50]
    pictures, boxes = data.clutter(images, others, seed=3)
    assert pictures.shape == boxes.shape == (200, 28, 28) and pictures.dtype == np.uint8 and boxes.dtype == bool
    assert (boxes.sum((1, 2)) == 196).all()
    for image, picture, box in zip(images, pictures, boxes, strict=True):
        rows, columns = np.nonzero(box)
        inside = picture[rows.min() : rows.max() + 1, columns.min() : columns.max() + 1]
        small = np.minimum(image.reshape(14, 2, 14, 2).mean((1, 3)) * 1.3, 255)
        assert inside.shape == (14, 14) and np.abs(inside - small).max() <= 1
    assert np.where(boxes, 0, pictures).any((1, 2)).mean() > 0.98  # scraps around nearly all
    assert 3 < len(np.unique(boxes.argmax(-1).max(-1)))  # at many places
    again = data.clutter(images, others, seed=3)[0]
    assert np.array_equal(again, pictures) and not np.array_equal(data.clutter(images, others, seed=4)[0], pictures)
    assert not np.where(
        data.clutter(images, others, fragments=0)[1], 0, data.clutter(images, others, fragments=0)[0]
    ).any()


@pytest.mark.parametrize(
    "bad", [np.zeros((2, 28, 28)), np.zeros((2, 14, 14), np.uint8), np.zeros((0, 28, 28), np.uint8)]
)
def test_clutter_refuses_what_are_no_images(bad):
    with pytest.raises(ValueError, match="others must be a uint8 array"):
        data.clutter(np.zeros((2, 28, 28), np.uint8), bad)
    with pytest.raises(ValueError, match="images must be a uint8 array"):
        data.clutter(bad, np.zeros((2, 28, 28), np.uint8))


@pytest.fixture(scope="module")
def book():
    return data.load_moby_dick()


def test_the_unpacked_book_is_the_recorded_one():
    text = gzip.decompress(data.read_checked(data.MOBY_DICK))
    assert hashlib.sha256(text).hexdigest() == "17fef1c71d28fb6d97b03dcd3f2e093d54590ee807b5e0884a7ed7d21703beb9"


def test_the_book_has_the_promised_sizes_and_symbols(book):
    assert [len(text) for text in book[:3]] == [919_607, 167_336, 95_306]
    assert len(book.chapters) == 135
    assert book.train.startswith("call me ishmael. some years ago-never mind how long precisely-having little or no")
    symbols = set("abcdefghijklmnopqrstuvwxyz \n.,;:!?'\"-()")
    assert len(symbols) == 39
    assert set(book.train) == symbols and set(book.validation) <= symbols and set(book.test) <= symbols
    for text in book[:3]:
        assert text.endswith("\n") and "  " not in text and "\n\n" not in text


def test_the_book_is_split_by_whole_chapters(book):
    ends = {4: "validation", 9: "test"}
    parts = {"train": "", "validation": "", "test": ""}
    for number, (title, text) in enumerate(book.chapters, 1):
        assert re.match(rf"CHAPTER {number}\. \S", title)
        parts[ends.get(number % 10, "train")] += text
    assert parts == {"train": book.train, "validation": book.validation, "test": book.test}


@pytest.mark.slow
def test_no_passage_of_one_split_is_in_another(book):
    def passages(text, length, step=1):
        return {text[i : i + length] for i in range(0, len(text) - length, step)}

    train = passages(book.train, 60)
    for text in (book.validation, book.test):  # any shared passage of 90 characters would hold one of these
        assert not train & passages(text, 60, step=30)
    assert not passages(book.validation, 60) & passages(book.test, 60, step=30)
    train = {passage[:15] for passage in train}
    assert len(train & passages(book.test, 15, step=30)) > 50  # short turns of phrase do come again


def test_arrays_may_be_written_to_without_changing_the_next_load():
    first = data.load_mnist()
    first.train_images[0] = 0
    first.test_labels[0] = 3
    again = data.load_mnist()
    assert again.train_images[0].any() and again.test_labels[0] == 7


def test_every_listed_file_is_the_recorded_one_and_every_file_is_listed():
    listed = {line.split(maxsplit=1)[1] for line in (data.DATA / "SHA256SUMS").read_text().splitlines()}
    for name in listed:
        assert data.verify(name) == data.DATA / name
    present = {str(path.relative_to(data.DATA)) for path in data.DATA.rglob("*") if path.is_file()}
    assert present - listed == {"README.md", "SHA256SUMS"}
    assert set(MNIST_FILES) <= listed


@pytest.mark.parametrize("name", MNIST_FILES)
@pytest.mark.parametrize("where", [0, -1, "middle"])
def test_one_changed_byte_is_refused_with_the_name_and_the_remedy(copied, name, where):
    content = bytearray((copied / name).read_bytes())
    content[len(content) // 2 if where == "middle" else where] ^= 1
    (copied / name).write_bytes(content)
    with pytest.raises(data.DataFileError) as caught:
        data.load_mnist()
    assert f"data/{name} has changed" in str(caught.value)
    assert f"git checkout -- data/{name}" in str(caught.value)


def test_a_truncated_file_is_refused(copied):
    name = MNIST_FILES[0]
    (copied / name).write_bytes((copied / name).read_bytes()[:-100])
    with pytest.raises(data.DataFileError, match="has changed"):
        data.load_mnist()


def test_a_missing_file_is_named_with_the_remedy(copied):
    (copied / MNIST_FILES[2]).unlink()
    with pytest.raises(data.DataFileError, match=r"t10k-images.*is missing.*git checkout -- data/mnist/t10k-images"):
        data.load_mnist()


def test_no_data_folder_tells_how_to_install(tmp_path, monkeypatch):
    monkeypatch.setattr(data, "DATA", tmp_path / "nowhere")
    with pytest.raises(data.DataFileError, match="pip install -e"):
        data.load_mnist()


def test_a_file_that_is_not_listed_is_refused(copied):
    (copied / "other.bin").write_bytes(b"1")
    with pytest.raises(data.DataFileError, match="not listed"):
        data.verify("other.bin")


def test_importing_data_needs_no_torch():
    code = "import kdlab, kdlab.data, sys; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
