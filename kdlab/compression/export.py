"""Networks for other programs: ONNX files, and ONNX Runtime, which runs them."""

import logging
import warnings
from pathlib import Path

import torch

from kdlab.compression.weights import plain
from kdlab.teachers import MissingExtra, predict_logits

NEEDS = 'this needs the extra "export" (120 MB): pip install -c constraints.txt -e ".[export]"'


def export_onnx(model, path, inputs, tolerance=1e-4):
    """Write the network to an ONNX file (any number of rows) and compare: ONNX Runtime must give the same logits.

    inputs: rows to compare on, the more the better. Gives the largest difference of a logit; RuntimeError above the
    tolerance, MissingExtra without the packages of the extra "export".
    """
    path, model = Path(path), plain(model).eval()
    try:
        import onnxscript  # noqa: F401
    except ImportError:
        raise MissingExtra(NEEDS) from None
    with warnings.catch_warnings(), _quiet("torch.onnx"):
        warnings.simplefilter("ignore")
        program = torch.onnx.export(
            model,
            (inputs[:2],),
            input_names=["inputs"],
            output_names=["logits"],
            dynamic_shapes=({0: torch.export.Dim("rows")},),
            dynamo=True,
            verbose=False,
        )
    program.save(path, external_data=False)
    difference = (onnx_network(path)(inputs) - predict_logits(model, inputs)).abs().max().item()
    if not difference <= tolerance:
        raise RuntimeError(f"{path.name} gives other logits than the network: they differ by {difference:.2g}")
    return difference


def onnx_network(path, threads=1):
    """The network in an ONNX file as a function of inputs (rows, ...): ONNX Runtime on the CPU."""
    try:
        import onnxruntime
    except ImportError:
        raise MissingExtra(NEEDS) from None
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = threads
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    (name,) = (one.name for one in session.get_inputs())

    def network(inputs):
        return torch.from_numpy(session.run(None, {name: inputs.numpy()})[0])

    return network


class _quiet:
    """A library's log messages, held back for a while."""

    def __init__(self, name):
        self.logger = logging.getLogger(name)

    def __enter__(self):
        self.before, self.logger.level = self.logger.level, logging.ERROR

    def __exit__(self, *_):
        self.logger.level = self.before
