"""Write data/fashion/: the first 12 000 training and 8 000 test images of Fashion-MNIST, as the package has them.

    python benchmarks/make_fashion.py FOLDER

FOLDER is usr/share/datasets/fashion-mnist of the unpacked Debian package; data/README.md says how to get it.
"""

import argparse
import gzip
import hashlib
from pathlib import Path

from kdlab.data import DATA

FILES = {
    "train-images-idx3-ubyte.gz": 12_000,
    "train-labels-idx1-ubyte.gz": 12_000,
    "t10k-images-idx3-ubyte.gz": 8_000,
    "t10k-labels-idx1-ubyte.gz": 8_000,
}


def first(content, count):
    """The first entries of an IDX file, as an IDX file."""
    dimensions = content[3]
    header = 4 + 4 * dimensions
    sizes = [int.from_bytes(content[i : i + 4], "big") for i in range(4, header, 4)]
    if sizes[0] < count:
        raise SystemExit(f"there are {sizes[0]} entries and {count} are wanted: is this the whole package?")
    entry = 1
    for size in sizes[1:]:
        entry *= size
    return content[:4] + count.to_bytes(4, "big") + content[8 : header + count * entry]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    folder = parser.parse_args().folder
    (DATA / "fashion").mkdir(exist_ok=True)
    for name, count in FILES.items():
        content = first(gzip.decompress((folder / name).read_bytes()), count)
        packed = gzip.compress(content, 9, mtime=0)
        (DATA / "fashion" / name).write_bytes(packed)
        print(f"{hashlib.sha256(packed).hexdigest()}  fashion/{name}   unpacked: {hashlib.sha256(content).hexdigest()}")


if __name__ == "__main__":
    main()
