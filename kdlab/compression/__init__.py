"""Smaller and faster networks: pruned, factorised, quantised, packed into few bytes, exported. Lesson 15.

Each function takes a network of `kdlab.models` and gives another one, or a file; the one it was given stays as it is. What
comes out trains like any other network (`kdlab.training.fit`): zeros stay zero, weights stay on their few levels.
"""

from kdlab.compression.export import export_onnx, onnx_network
from kdlab.compression.packing import multiply_adds, pack, unpack
from kdlab.compression.page import save_page
from kdlab.compression.weights import factorise, plain, prune, quantise, remove_neurons, sparsity_of

__all__ = [
    "export_onnx",
    "factorise",
    "multiply_adds",
    "onnx_network",
    "pack",
    "plain",
    "prune",
    "quantise",
    "remove_neurons",
    "save_page",
    "sparsity_of",
    "unpack",
]
