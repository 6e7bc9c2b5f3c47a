"""The data files are the right ones, arrive as promised, and a changed or missing one is refused by name."""

import hashlib
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
