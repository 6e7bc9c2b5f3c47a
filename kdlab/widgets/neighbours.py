"""NeighboursPanel: choose a picture, and see which ones lie nearest to it in each of several spaces."""

import numpy as np
import traitlets as t

from kdlab.widgets.base import Panel, check_classes, source, to_numpy
from kdlab.widgets.driver import usual_torch

COUNT = 5


class NeighboursPanel(Panel):
    """The five nearest of N pictures, in each space, of the one that is chosen.

    `images` (N, 28, 28) uint8, `labels` (N,), `spaces` {name: features (N, D)}, one to five of them; distances are
    cosines, or Euclidean for the names in `euclidean`. The first `show` pictures can be chosen; the nearest ones are
    looked for among all N. `names` are the classes' words. `.picture`, `.nearest` {name: the five indices} and `.recall`
    {name: the share of all N whose nearest has the same label} can be read.
    """

    _esm = source("common.js", "neighbours.js")
    _css = source("common.css", "neighbours.css")

    picture = t.Int(0).tag(sync=True)
    recall = t.Dict().tag(sync=True)
    _names = t.List().tag(sync=True)
    _classes = t.List().tag(sync=True)
    _shown = t.Int().tag(sync=True)
    _found = t.Dict().tag(sync=True)  # {space: for each picture that can be chosen, five places in _images}
    _labels = t.List().tag(sync=True)  # of _images
    _images = t.Bytes().tag(sync=True)

    @usual_torch()
    def __init__(self, images, labels, spaces, *, show=20, euclidean=(), names=None, **state):
        import torch

        from kdlab.relations import neighbours, recall_at_one

        images = to_numpy(images, np.uint8)
        if images.ndim != 3 or images.shape[1:] != (28, 28) or len(images) <= max(show, COUNT) or show < 1:
            raise ValueError(
                f"images must be uint8 (N, 28, 28), more than {max(show, COUNT)} of them, not {images.shape}"
            )
        classes = [str(name) for name in (range(10) if names is None else names)]
        labels = check_classes(labels, len(images), len(classes))
        if not 1 <= len(spaces) <= 5 or any(len(features) != len(images) for features in spaces.values()):
            raise ValueError(f"spaces must be one to five of {{name: features}}, with {len(images)} rows each")
        self._nearest, recall, truth = {}, {}, torch.from_numpy(labels)
        for name, features in spaces.items():
            features = torch.as_tensor(features).float()
            cosine = name not in euclidean
            self._nearest[name] = neighbours(features, COUNT, cosine=cosine)[:show].numpy()
            recall[name] = recall_at_one(features, truth, cosine=cosine)
        needed = np.unique(np.concatenate([np.arange(show), *(found.ravel() for found in self._nearest.values())]))
        self._pictures, self._truths = images, labels
        super().__init__(
            recall=recall, _names=list(spaces), _classes=classes, _shown=show,
            _found={name: np.searchsorted(needed, found).tolist() for name, found in self._nearest.items()},
            _labels=labels[needed].tolist(), _images=images[needed].tobytes(), **state,
        )  # fmt: skip

    @t.validate("picture")
    def _check_picture(self, proposal):
        if not 0 <= proposal["value"] < self._shown:
            raise t.TraitError(f"the pictures are 0 to {self._shown - 1}, not {proposal['value']}")
        return proposal["value"]

    @property
    def nearest(self):
        """{space: the indices of the five pictures that lie nearest to the chosen one, the nearest first}."""
        return {name: found[self.picture].tolist() for name, found in self._nearest.items()}

    def figure(self):
        """The chosen picture and its five neighbours in each space."""
        from kdlab import plots

        rows = {
            name: [(self._pictures[i], self._classes[self._truths[i]], self._truths[i] == self._truths[self.picture])
                   for i in found]
            for name, found in self.nearest.items()
        }  # fmt: skip
        return plots.neighbours_panel(
            self._pictures[self.picture], self._classes[self._truths[self.picture]], rows, self.recall
        )
