"""From strokes of a pen to a picture as MNIST has them: pure NumPy."""

import numpy as np

SIDE, BOX = 28, 20  # an MNIST digit fills a box of 20 × 20 pixels, centred by its mass in 28 × 28
PEN = 2.4  # the width of a line in those pixels, about that of MNIST's pens
SMALLEST = 0.2  # of the paper: a dot stays a dot, and is not blown up to a box


def to_mnist(strokes):
    """Strokes, lists of points (x, y) from 0 to 1 with y downwards, as a uint8 picture (28, 28); ink is bright.

    As LeCun et al. (1998) made MNIST: the drawing is scaled, keeping its proportions, until it fits a box of
    20 × 20 pixels, and its centre of mass is put in the middle of the picture. No strokes give an empty picture.
    """
    lines = [np.array(stroke, dtype=float).reshape(-1, 2) for stroke in strokes if len(stroke)]
    if not lines:
        return np.zeros((SIDE, SIDE), dtype=np.uint8)
    points = np.concatenate(lines)
    low, high = points.min(0), points.max(0)
    scale = (BOX - PEN) / max(SMALLEST, *(high - low))
    middle = (low + high) / 2
    ink = _draw([(line - middle) * scale + SIDE / 2 for line in lines])
    grid = np.arange(SIDE) + 0.5
    mass = np.array([(ink.sum(0) * grid).sum(), (ink.sum(1) * grid).sum()]) / ink.sum()
    shift = SIDE / 2 - mass
    ink = _draw([(line - middle) * scale + SIDE / 2 + shift for line in lines])
    return np.round(255 * ink).astype(np.uint8)


def _draw(lines):
    """Ink from 0 to 1 of each pixel (28, 28): how far its middle is from the nearest line, with a soft edge."""
    starts = np.concatenate([line[:-1] if len(line) > 1 else line for line in lines])
    ends = np.concatenate([line[1:] if len(line) > 1 else line for line in lines])
    way = ends - starts
    length = np.maximum((way**2).sum(1), 1e-12)
    middles = np.arange(SIDE) + 0.5
    to_x, to_y = middles[:, None] - starts[:, 0], middles[:, None] - starts[:, 1]  # (28, lines) each
    along = np.clip(((to_x * way[:, 0])[None] + (to_y * way[:, 1])[:, None]) / length, 0, 1)
    square = (to_x[None] - along * way[:, 0]) ** 2 + (to_y[:, None] - along * way[:, 1]) ** 2
    return np.clip((PEN + 1) / 2 - np.sqrt(square.min(-1)), 0, 1)
