"""A problem in two dimensions whose true class probabilities are known exactly: what no data set of pictures can offer."""

from dataclasses import dataclass

import torch

from kdlab.checks import check_number, check_whole


@dataclass(frozen=True)
class Plane:
    """Classes as mixtures of round Gaussians in the plane. All classes are equally frequent, and so are a class's groups.

    `means` (classes, groups, 2) are the centres, `spread` is the standard deviation in every direction, and `extent`
    half the side of the square [-extent, extent]² that is drawn. Bayes' rule gives p(class | point) exactly.
    ValueError for other shapes, and for a spread or an extent that is not positive.
    """

    means: torch.Tensor
    spread: float
    extent: float = 3.0

    def __post_init__(self):
        means = _floats(self.means)
        if means.ndim != 3 or means.shape[0] < 2 or means.shape[1] < 1 or means.shape[2] != 2:
            raise ValueError(f"means must be (classes, groups, 2) with at least two classes, got {tuple(means.shape)}")
        if not means.isfinite().all():
            raise ValueError("means must be finite")
        object.__setattr__(self, "means", means)
        for name in ("spread", "extent"):
            value = check_number(name, getattr(self, name))
            if not 0 < value < float("inf"):
                raise ValueError(f"{name} must be positive and finite, got {value:g}")
            object.__setattr__(self, name, value)

    @property
    def classes(self):
        """How many classes there are."""
        return len(self.means)

    def sample(self, n, seed=0):
        """Points (n, 2) and their labels (n,), drawn from the problem. The first points of a seed stay as n grows."""
        n = check_whole("n", n, 1)
        generator = torch.Generator().manual_seed(check_whole("seed", seed, 0))
        # Uniform numbers come one after another, so a longer sample begins with the shorter one; normal ones may not.
        uniform = torch.rand(n, 4, generator=generator, dtype=torch.float64, device="cpu").clamp(min=1e-12)
        classes, groups = self.means.shape[:2]
        labels = (uniform[:, 0] * classes).long()
        group = (uniform[:, 1] * groups).long()
        points = self.means[labels, group] + self.spread * torch.special.ndtri(uniform[:, 2:]).float()
        return points, labels

    def log_probabilities(self, points):
        """ln p(class | point) (N, classes) of points (N, 2): logits of the best possible teacher, to be softened at T."""
        points = self._check_points(points)
        squares = (points[:, None, None] - self.means).square().sum(-1) / (2 * self.spread**2)
        return torch.log_softmax(torch.logsumexp(-squares, dim=-1), dim=-1)

    def probabilities(self, points):
        """p(class | point) (N, classes) of points (N, 2), exact by Bayes' rule."""
        return self.log_probabilities(points).exp()

    def relabel(self, points, seed=0):
        """Fresh labels (N,) for points (N, 2), drawn from p(class | point): what luck might have made them instead."""
        generator = torch.Generator().manual_seed(check_whole("seed", seed, 0))
        return torch.multinomial(self.probabilities(points), 1, generator=generator).squeeze(1)

    def grid(self, side):
        """Points (side², 2) on a square grid over the drawn square, row by row from the top left, as pictures are."""
        steps = torch.linspace(
            -self.extent, self.extent, check_whole("side", side, 2), dtype=torch.float32, device="cpu"
        )
        y, x = torch.meshgrid(steps.flip(0), steps, indexing="ij")
        return torch.stack([x.flatten(), y.flatten()], dim=1)

    def _check_points(self, points):
        points = _floats(points)
        if points.ndim != 2 or points.shape[1] != 2:
            raise ValueError(f"points must be (N, 2), got {tuple(points.shape)}")
        return points


def _floats(given):
    """The numbers as a float32 tensor, where they are; lists and arrays come to the CPU."""
    return torch.as_tensor(given, dtype=torch.float32, device=getattr(given, "device", "cpu"))


def two_classes():
    """The course's plane: two classes of two groups each, whose border is curved and blurred in the middle."""
    return Plane([[[-1.5, 0.6], [0.6, 1.0]], [[1.5, -0.4], [-0.5, -1.1]]], spread=0.75)
