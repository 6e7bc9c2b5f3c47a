"""Write data/small_student.safetensors: the convolutional student of a few kilobytes, of seed 0, from compression.py.

    python benchmarks/compression.py kilobytes
    python benchmarks/train_small_student.py

The file holds the weights before they are rounded to their levels, in half precision, so that the network that comes out of
it can be packed and trained on. Its recipe and learning rates are those that the record names.
"""

import hashlib

import torch
from arms import both_errors
from compression import RECORD, coarse
from safetensors.torch import save

import kdlab.data
from kdlab.compression import pack
from kdlab.compression.weights import layers_of
from kdlab.teachers import SMALL_STUDENT, small_student

NETWORK, WEIGHTS = "12-24-24, flatten", "4 bits"


def main():
    torch.set_num_threads(1)
    (row,) = RECORD.rows("kilobytes", network=NETWORK, weights=WEIGHTS)
    student = coarse(NETWORK, WEIGHTS, row["learning_rate"], seed=0)
    weights = {
        f"{layer}.{name}": parts.original.detach().half()
        for layer, own in layers_of(student).items()
        for name, parts in own.parametrizations.items()
    }
    content = save(weights)
    (kdlab.data.DATA / SMALL_STUDENT).write_bytes(content)
    print(f"{hashlib.sha256(content).hexdigest()}  {SMALL_STUDENT}")
    read = small_student({name: tensor.float() for name, tensor in weights.items()})
    print(f"{len(content)} bytes, {len(pack(read))} packed; {both_errors(read)}, as trained {both_errors(student)}")


if __name__ == "__main__":
    main()
