"""Every kind of panel, small: for tests of what all of them share. One that is missing here fails test_reader_state.py."""

import functools
import importlib
from types import SimpleNamespace

import numpy as np
import torch

from kdlab import language, models, training, walks
from kdlab.exercises import start_here
from kdlab.planes import two_classes
from kdlab.text import CharacterTokenizer, WordTokenizer
from kdlab.widgets import base

STEPS = 40
RECIPE = training.Recipe(steps=STEPS, batch_size=8, temperature=2.0)


def kinds():
    """{name: class} of all panels that the package has, those of quizzes and of the environment check too."""
    for file in base.FOLDER.glob("*.py"):
        importlib.import_module(f"kdlab.widgets.{file.stem}")
    found, new = {}, [base.Panel]
    while new:
        new = [kind for parent in new for kind in parent.__subclasses__() if kind.__module__.startswith("kdlab.")]
        found |= {kind.__name__: kind for kind in new if "_esm" in vars(kind)}
    return found


@functools.cache
def material():
    """What panels are made of, with PyTorch's usual defaults: whatever a test sets must not reach it."""
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 10, 80)
    images = (rng.random((10, 28, 28))[labels] * 255).astype(np.uint8)
    text = "the whale and the ship, the sea and the whale. " * 12
    characters, words = CharacterTokenizer.train(text), WordTokenizer(["a", "film", "good", "bad", "."])
    ids = torch.from_numpy(characters.encode(text))
    writer = models.LanguageModel(len(characters), width=16, heads=2, layers=1, context=32, seed=7)
    return SimpleNamespace(
        images=images, labels=labels, logits=rng.normal(0, 3, (80, 10)).astype(np.float32),
        inputs=models.to_inputs(images), targets=torch.from_numpy(labels), teacher=models.MLP(784, 8, 10, seed=3),
        teacher_logits=torch.from_numpy(rng.normal(0, 3, (80, 10)).astype(np.float32)),
        narrator=models.LanguageModel(len(characters), width=16, heads=2, layers=1, context=100, seed=7),
        drafter=models.LanguageModel(len(characters), width=8, heads=2, layers=1, context=100, seed=8),
        characters=characters, ids=ids, writer=writer, heard=language.predict_text(writer, ids),
        student=models.MLP(784, 8, 10), words=words, reader=models.TextClassifier(len(words), width=16, heads=2, layers=2),
    )  # fmt: skip


def _race(m):
    part = lambda a, b: (m.inputs[a:b], m.targets[a:b], m.teacher_logits[a:b])  # noqa: E731
    return (
        lambda: models.MLP(784, 8, 10),
        part(0, 60),
        part(60, 80),
        part(60, 80)[:2],
        m.images[:3],
        m.teacher,
        RECIPE,
    )


def _runs(m):
    def make(width, seed):
        student = models.MLP(784, width, 10, seed=seed)
        evaluate = lambda model: {"accuracy": float((model(m.inputs).argmax(-1) == m.targets).float().mean())}  # noqa: E731
        return {"hard labels": (student, training.train(student, m.inputs, m.targets, recipe=RECIPE,
                                                        evaluate=evaluate, evaluate_every=10))}  # fmt: skip

    return make


def _sweep(m):
    recipes = [training.Recipe(steps=STEPS, batch_size=8, temperature=t, alpha=a) for t in (1, 4) for a in (0.1, 0.9)]
    students = [models.MLP(784, 4, 10) for _ in recipes]
    return students, (m.inputs[:60], m.targets[:60], m.teacher_logits[:60]), (m.inputs[60:], m.targets[60:]), recipes


def _look(m):
    boxes = torch.zeros(20, 28, 28, dtype=torch.bool)
    boxes[:, 4:18, 4:18] = True
    small = lambda: models.ConvNet(2, 2, strides=(4, 1), hidden=4, seed=1)  # noqa: E731
    return small, small(), (m.inputs[:60], m.targets[:60]), (m.inputs[60:], m.targets[60:], boxes)


def _walk(m):
    generator = torch.Generator().manual_seed(0)
    given = walks.teacher_writes(walks.prompts(20, generator), generator)
    walker = models.LanguageModel(walks.VOCABULARY, width=8, heads=2, layers=1, context=24, seed=1)
    return walker, given, dict.fromkeys(("own", "given"), RECIPE)


def _path(*ends):
    return np.array([[[float(start), 1.0, 2.0], [end, 1.0, 1.0]] for start, end in enumerate(ends)])


def make(kind):
    """A new panel of this kind, made here and now."""
    from kdlab import widgets
    from kdlab.widgets.probe import ProbePanel
    from kdlab.widgets.quiz import QuizPanel
    from kdlab.widgets.reading import sentence_logits

    m = material()
    x = np.linspace(-3, 3, 40)
    makers = {
        "TemperaturePanel": lambda: widgets.TemperaturePanel(m.logits[:3], m.images[:3], m.labels[:3]),
        "DivergencePanel": lambda: widgets.DivergencePanel([0.4, 0.3, 0.3], [0.1, 0.2, 0.7]),
        "GaussianFitPanel": lambda: widgets.GaussianFitPanel(x, np.exp(-x * x), _path(0.5, 0.7), _path(1.0, 0.9)),
        "LossPanel": lambda: widgets.LossPanel(
            m.logits[0],
            m.logits[1],
            3,
            image=m.images[0],
            goal={"text": "push the 5 up", "class": 5, "push_at_least": 0.2, "alpha_at_least": 0.5},
        ),
        "RacePanel": lambda: widgets.RacePanel(*_race(m), evaluate_every=10, speed=0),
        "DiagramPanel": lambda: widgets.DiagramPanel(
            m.student,
            m.teacher,
            m.images[:3],
            m.labels[:3],
            train=(m.inputs, m.targets, m.teacher_logits),
            recipe=RECIPE,
        ),
        "PlanePanel": lambda: widgets.PlanePanel(steps=STEPS),
        "LookPanel": lambda: widgets.LookPanel(*_usual(_look, m), recipe=RECIPE, show=2),
        "LuckPanel": lambda: widgets.LuckPanel(
            _usual(two_classes), [4, 8, 16], [0, 1], count=8, bias=0, draws=2, recipe=RECIPE
        ),
        "TurnPanel": lambda: widgets.TurnPanel(m.logits[:12, :2], m.labels[:12]),
        "MapPanel": lambda: widgets.MapPanel(
            lambda: models.MLP(784, 8, 2, seed=1),
            m.inputs[:60],
            {"the teacher": m.teacher_logits[:60]},
            (m.inputs[60:], m.targets[60:]),
            recipe=RECIPE,
        ),
        "NeighboursPanel": lambda: widgets.NeighboursPanel(
            m.images, m.labels, {"teacher": m.logits, "pixels": m.inputs}, show=6
        ),
        "CrowdPanel": lambda: widgets.CrowdPanel(
            lambda seed: models.MLP(784, 4, 10, seed=seed),
            _usual(lambda m: (m.inputs.repeat(8, 1), torch.arange(8 * len(m.inputs)) % 10), m),
            m.inputs,
            (m.inputs[:20], m.targets[:20]),
            recipe=training.Recipe(steps=STEPS, batch_size=8),
            each=(10, 20),
            most=3,
        ),
        "DoubtPanel": lambda: widgets.DoubtPanel(m.images, m.labels, np.stack([m.logits, m.logits[::-1]])),
        "DrawPanel": lambda: widgets.DrawPanel({"teacher": m.teacher, "student": m.student}),
        "ExperimentPanel": lambda: widgets.ExperimentPanel(
            _runs(m), [widgets.Control("width", "Width", [4, 8])], {"accuracy": ("Accuracy", (0, 1))}, against="width"
        ),
        "SqueezePanel": lambda: widgets.SqueezePanel(
            m.teacher,
            (m.inputs[:60], m.targets[:60], m.teacher_logits[:60]),
            (m.inputs, m.targets),
            m.images,
            recipes=dict.fromkeys(("soft answers", "labels"), RECIPE),
            goal={"errors": 20, "bytes": 9000},
            recorded={"another": (9000, 40)},
        ),
        "SeedsPanel": lambda: widgets.SeedsPanel({"hard": [5.0, 7, 9, 4], "distilled": [4.0, 6, 9, 3]}),
        "SweepPanel": lambda: widgets.SweepPanel(*_usual(_sweep, m), evaluate_every=10),
        "BiasPanel": lambda: widgets.BiasPanel(m.logits, m.labels, 3),
        "ReliabilityPanel": lambda: widgets.ReliabilityPanel({"student": m.logits}, m.labels),
        "DarkKnowledgePanel": lambda: widgets.DarkKnowledgePanel(
            m.images, m.labels, {"teacher": m.logits, "distilled": m.logits[::-1].copy()}
        ),
        "WritingPanel": lambda: widgets.WritingPanel(
            lambda: models.LanguageModel(len(m.characters), width=8, heads=2, layers=1, context=32),
            m.ids,
            m.heard,
            tokenizer=m.characters,
            teacher=m.writer,
            validation=m.ids[:100],
            recipe=RECIPE,
            evaluate_every=10,
            length=16,
            characters=12,
        ),  # fmt: skip
        "WalkPanel": lambda: widgets.WalkPanel(*_usual(_walk, m), evaluate_every=10, shown=2),
        "DraftPanel": lambda: widgets.DraftPanel(
            m.narrator, {"small": m.drafter}, tokenizer=m.characters, prompt="the ", length=90, ahead=1, speed=0
        ),
        "BlindTestPanel": lambda: widgets.BlindTestPanel([{"prompt": "p", "teacher": "a b", "student": "c d"}]),
        "AttentionPanel": lambda: widgets.AttentionPanel(student=m.reader, tokenizer=m.words, sentence="a good film ."),
        "SentencePanel": lambda: widgets.SentencePanel(
            {"student": sentence_logits(m.words, m.reader)}, sentence="a good film"
        ),
        "QuizPanel": lambda: QuizPanel(start_here.quiz),
        "ProbePanel": lambda: ProbePanel([(True, "Python", ""), (False, "torch is missing", "Install it.")]),
    }
    return makers[kind]()


def not_numbers(panel):
    """The names of the panel's traits that hold a NaN somewhere, however deep."""

    def holds(value):
        match value:
            case dict():
                return any(map(holds, value.values()))
            case list() | tuple():
                return any(map(holds, value))
            case float():
                return value != value
        return False

    return [name for name, value in panel.get_state().items() if holds(value)]


def _usual(function, *arguments):
    """What a cell made before the reader changed anything."""
    from kdlab.widgets.driver import usual_torch

    with usual_torch():
        return function(*arguments)
