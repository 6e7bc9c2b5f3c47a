"""kdlab: the helper package of an interactive course on knowledge distillation."""

__version__ = "0.1.0"


def setup():
    """Prepare a lesson: one torch thread (small models are fastest so, and results repeat), figure style."""
    import torch

    from kdlab.plots import use_style

    torch.set_num_threads(1)
    use_style()


def first_look():
    """Lesson 00's first panel: the whole of distillation, at once."""
    from kdlab.welcome import first_look

    return first_look()
