"""The interactive panels: anywidget views with small JavaScript files beside them.

Each is imported when it is first asked for, so that `kdlab.widgets` itself costs nothing.
"""

from importlib import import_module

_PANELS = {
    "TemperaturePanel": "temperature",
    "DivergencePanel": "divergence",
    "GaussianFitPanel": "gaussian_fit",
    "LossPanel": "loss",
    "DiagramPanel": "diagram",
    "PlanePanel": "plane",
    "RacePanel": "race",
    "DrawPanel": "draw",
    "Control": "experiment",
    "ExperimentPanel": "experiment",
    "SeedsPanel": "seeds",
    "SweepPanel": "sweep",
    "BiasPanel": "bias",
    "ReliabilityPanel": "reliability",
    "DarkKnowledgePanel": "dark_knowledge",
    "WritingPanel": "writing",
    "BlindTestPanel": "blind",
    "blind_score": "blind",
    "against_guessing": "blind",
    "AttentionPanel": "attention",
    "LookPanel": "look",
    "LuckPanel": "luck",
    "TurnPanel": "turn",
    "MapPanel": "distance_map",
    "NeighboursPanel": "neighbours",
    "WalkPanel": "walk",
    "DraftPanel": "draft",
    "CrowdPanel": "crowd",
    "DoubtPanel": "doubt",
    "SentencePanel": "sentence",
    "SqueezePanel": "squeeze",
    "sentence_attention": "reading",
    "sentence_logits": "reading",
}

__all__ = list(_PANELS)


def __getattr__(name):
    if name not in _PANELS:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_PANELS[name]}"), name)
