"""Whatever the reader has set for all of PyTorch, runs train the same student, and leave the setting as it was.

Runs that need a device other than the CPU are tried with PyTorch's "meta" device, which every machine has.
"""

import contextlib
import inspect

import pytest
import torch
from torch import nn

from kdlab import (
    arithmetic,
    crowds,
    drafting,
    features,
    generation,
    labels,
    language,
    losses,
    luck,
    metrics,
    pieces,
    relations,
    sweeps,
    teachers,
    token_caches,
    training,
    walks,
)
from kdlab.models import MLP, ConvNet, LanguageModel, TextClassifier, logits_of
from kdlab.planes import two_classes
from kdlab.text import CharacterTokenizer
from kdlab.training import Recipe

META = torch.device("meta")


def random(*shape, seed=0):
    return torch.randn(*shape, dtype=torch.float32, device="cpu", generator=torch.Generator().manual_seed(seed))


INPUTS, TEACHER = random(40, 16), 3 * random(40, 5, seed=1)
IMAGES, BOTH, SOFT = random(30, 784, seed=5), torch.stack([TEACHER, INPUTS[:, :5]]), TEACHER.softmax(-1)
LABELS = torch.arange(40) % 5
IDS = 1 + torch.arange(120).reshape(40, 3) % 7
TEXT = torch.arange(60) % 6
TEXT_TEACHER = 3 * random(60, 6, seed=2)
MASK = torch.arange(60) % 4 > 0
RECIPE = Recipe(steps=7, batch_size=8, learning_rate=0.01, seed=2)
TEXT_RECIPE = Recipe(steps=4, batch_size=3, temperature=1.0, alpha=0.0, learning_rate=0.01)


def weights(*models):
    return torch.cat([parameter.detach().flatten() for model in models for parameter in model.parameters()])


def language_model(seed=0):
    return LanguageModel(6, width=8, heads=2, layers=1, context=16, dropout=0.1, seed=seed)


# --- runs: each makes its own students and gives what came of them, a tensor ----------------------


def measured(student):
    logits = logits_of(student(INPUTS))
    return {"accuracy": metrics.accuracy(logits, LABELS), "nll": metrics.negative_log_likelihood(logits, LABELS)}


def a_run(inputs=INPUTS, labels=LABELS, teacher=TEACHER):
    student = MLP(16, 8, 5, dropout=0.2, seed=3)
    history = training.fit(student, inputs, labels, teacher, recipe=RECIPE, evaluate=measured, evaluate_every=3)
    return torch.cat([weights(student), torch.tensor(history.column("nll")[1], dtype=torch.float32, device="cpu")])


def a_run_with_jitter(inputs=INPUTS, labels=LABELS):
    student = MLP(16, 8, 5, seed=3)
    training.fit(student, inputs, labels, recipe=RECIPE, jitter=1)
    return weights(student)


def a_run_of_a_reader(ids=IDS, labels=LABELS, teacher=TEACHER):
    student = TextClassifier(9, 5, width=8, heads=2, layers=1, dropout=0.1, seed=3)
    training.fit(student, ids, labels, teacher, recipe=RECIPE)
    return weights(student)


def a_race(inputs=INPUTS, labels=LABELS, teacher=TEACHER):
    students = {"distilled": MLP(16, 5, seed=1), "hard": MLP(16, 5, seed=1)}
    training.drain(training.race(students, inputs, labels, teacher, recipe=RECIPE))
    return weights(*students.values())


def a_sweep(inputs=INPUTS, labels=LABELS, teacher=TEACHER):
    recipes = sweeps.grid(RECIPE, temperature=[1, 4], seed=[0, 1])
    students = [MLP(16, 6, 5, seed=recipe.seed) for recipe in recipes]
    validation = (inputs, labels)
    sweeps.fit(students, inputs, labels, teacher, recipes=recipes, validation=validation, progress=False)
    return torch.cat([weights(*students), sweeps.predict_logits(students, inputs).flatten()])


class Scaled(nn.Module):
    def __init__(self, seed):
        super().__init__()
        self.inner = MLP(16, 6, 5, seed=seed)

    def forward(self, inputs):
        return 2 * self.inner(inputs)


def a_sweep_by_vmap(inputs=INPUTS, labels=LABELS):
    students = [Scaled(seed) for seed in (0, 1)]
    recipes = sweeps.grid(RECIPE, seed=[0, 1])
    sweeps.fit(students, inputs, labels, recipes=recipes, progress=False)
    return weights(*students)


def a_language_run(text=TEXT, teacher=TEXT_TEACHER, mask=MASK):
    student = language_model()
    training.drain(language.train_language_model(student, text, teacher, recipe=TEXT_RECIPE, length=6, mask=mask))
    return torch.cat([weights(student), language.predict_text(student, text).flatten()])


def a_run_from_a_top_cache(text=TEXT, logits=TEXT_TEACHER):
    student, cache = language_model(), token_caches.top_k_cache(logits, 3)
    training.drain(language.train_language_model(student, text, cache, recipe=TEXT_RECIPE, length=6))
    return weights(student)


def a_run_from_a_sampled_cache(text=TEXT, logits=TEXT_TEACHER):
    student, cache = language_model(), token_caches.sampled_cache(logits, 5, torch.Generator().manual_seed(1))
    training.drain(language.train_language_model(student, text, cache, recipe=TEXT_RECIPE, length=6))
    return weights(student)


def a_run_on_policy(text=TEXT):
    student, teacher = language_model(), language_model(seed=1)
    options = {"recipe": TEXT_RECIPE, "length": 8, "prompt": 3, "on_policy": 0.5, "long_term": 0.5}
    training.drain(language.distill_on_policy(student, teacher, text, **options))
    return weights(student)


def a_race_of_language_models(text=TEXT, teacher=TEXT_TEACHER):
    students = {"distilled": language_model(), "hard": language_model()}
    training.drain(language.race_language_models(students, text, teacher, recipe=TEXT_RECIPE, length=6))
    return weights(*students.values())


def a_text(text=TEXT):
    model, prompt = language_model(), text[None, :4]
    written = generation.generate(model, prompt, 5), generation.generate(model, prompt, 5, use_cache=False)
    beam, score = generation.beam_search(model, text[:4], 5)
    streamed = torch.stack(list(generation.stream(model, prompt, 3)))
    bits = language.bits_per_character(model, text)
    return torch.cat(
        [*(ids.flatten().double() for ids in (*written, beam, streamed)), TEXT.new_tensor([score, bits]).double()]
    )


def measures(logits=TEACHER, marks=LABELS):
    by_class = metrics.accuracy_by_class(logits, marks)
    table = metrics.reliability(logits, marks, bins=4)
    found = [metrics.negative_log_likelihood(logits, marks), metrics.expected_calibration_error(logits, marks)]
    found += [metrics.macro_f1(logits, marks), metrics.agreement(logits, INPUTS[:, :5]), *by_class, *table["count"]]
    chosen = labels.balanced_draw(marks, 3, torch.Generator().manual_seed(0))
    flipped = labels.flip_labels(marks, 0.5, torch.Generator().manual_seed(0), 5)
    return torch.cat([TEACHER.new_tensor(found), chosen.float(), flipped.float()])


def a_gradient(student=TEACHER, teacher=INPUTS[:, :5], labels=LABELS):
    """A loss taken by the reader, who switches gradients on for it."""
    with torch.inference_mode(False), torch.enable_grad():
        student = student.clone().requires_grad_()
        loss = losses.distillation_loss(student, teacher, labels, temperature=3.0, alpha=0.5)
        return torch.autograd.grad(loss, student)[0]


def a_shipped_teacher(inputs=INPUTS):
    images = inputs[:4].repeat(1, 49)
    return teachers.predict_logits(teachers.load_mnist_teacher(), images)


def a_run_on_relations(inputs=INPUTS, features=TEACHER):
    student = MLP(16, 8, 5, seed=3)
    training.drain(relations.train_relations(student, inputs, features, recipe=RECIPE))
    return weights(student)


def a_space(features=TEACHER, marks=LABELS):
    found = [relations.recall_at_one(features, marks), relations.recall_at_one(features, marks, cosine=True)]
    near = relations.neighbours(features, 2), relations.nearest_labels(features, features[::2], marks[::2])
    parts = [TEACHER.new_tensor(found), *relations.directions(features, 2), *near]
    return torch.cat([part.flatten().float() for part in parts])


def a_run_on_maps(inputs=IMAGES, labels=LABELS[:30]):
    teacher, student = ConvNet(3, 4, 4, hidden=8, seed=1), ConvNet(2, 3, 3, hidden=8, seed=2)
    cache = features.teacher_cache(teacher, inputs)
    parts = {"labels": 1.0, "logits": 0.5, "attention": 10.0, "hint": 2.0}
    training.drain(features.train_student(student, inputs, labels, cache, weights=parts, recipe=RECIPE))
    return weights(student)


def a_half(inputs=IMAGES, labels=LABELS[:30]):
    return weights(crowds.train_half(inputs, labels, 0, recipe=RECIPE, seed=1))


def a_crowd(logits=BOTH):
    heard = [crowds.crowd_logits(logits), crowds.crowd_logits(logits, "logits"), crowds.votes(logits)]
    return torch.cat([part.flatten().float() for part in (*heard, crowds.disagreement(logits))])


def a_walker():
    start = walks.prompts(9, torch.Generator().manual_seed(0))
    given = walks.teacher_writes(start, torch.Generator().manual_seed(1))
    student = LanguageModel(walks.VOCABULARY, width=8, heads=2, layers=1, context=24, seed=0)
    training.drain(walks.train_walker(student, given, recipe=TEXT_RECIPE, on_policy=0.5))
    return torch.cat([weights(student), walks.arrived(given).float(), walks.wrong_turns(given).float().flatten()])


def an_adder():
    pairs = arithmetic.problems(1, 6, torch.Generator().manual_seed(0))
    size = len(arithmetic.TOKENIZER)
    student, teacher = (LanguageModel(size, width=8, heads=2, layers=1, context=32, seed=seed) for seed in (0, 1))
    texts = [arithmetic.prompt(*pair) + arithmetic.written_out(*pair) for pair in pairs]
    training.drain(arithmetic.train_adder(student, texts, teacher, recipe=TEXT_RECIPE))
    written = arithmetic.write(student, pairs, temperature=0)
    return torch.cat([weights(student), TEACHER.new_tensor([len(text) for text in written])])


def a_draft(text=TEXT):
    rounds = drafting.write(language_model(), language_model(1), text[:4], 6, ahead=2)
    return TEACHER.new_tensor([number for r in rounds for number in (*r.accepted, -1, *r.refused, -2, r.added)])


def a_piece(text=TEXT):
    characters, longest = (
        CharacterTokenizer("abcdef"),
        pieces.LongestPieceTokenizer(["a", "b", "c", "d", "e", "f", "ab", "abc"]),
    )
    return pieces.piece_probabilities(language_model(), text[:8].view(2, 4), characters, longest)


def luck_of_labels(inputs=INPUTS, probabilities=SOFT):
    parts = luck.gradient_variance(MLP(16, 5, seed=1), inputs, probabilities)
    return TEACHER.new_tensor([*parts.values(), luck.expected_error(TEACHER, probabilities)])


def other_targets(logits=TEACHER, marks=LABELS):
    seeded = torch.Generator().manual_seed(0)
    made = [labels.class_means(logits, marks), labels.permute_wrong(logits, seeded), labels.flatten_wrong(logits, 2.0)]
    made += [labels.resemble_class(logits, 2.0), labels.resemble_another(logits, 2.0, seeded)]
    return torch.cat([part.flatten() for part in made])


def a_plane():
    plane = two_classes()
    points, marks = plane.sample(20, seed=1)
    parts = [points, marks, plane.probabilities(points), plane.relabel(points), plane.grid(3)]
    return torch.cat([part.flatten().float() for part in parts])


RUNS = [
    a_run, a_run_with_jitter, a_run_of_a_reader, a_race, a_sweep, a_sweep_by_vmap, a_language_run, a_run_from_a_top_cache,
    a_run_from_a_sampled_cache, a_run_on_policy, a_race_of_language_models, a_text, measures, a_gradient,
    a_shipped_teacher, a_run_on_relations, a_space, a_run_on_maps, a_half, a_crowd, a_walker, an_adder, a_draft, a_piece,
    luck_of_labels, other_targets, a_plane,
]  # fmt: skip


@pytest.fixture(scope="module")
def expected():
    return {run: run() for run in RUNS}


# --- what a reader may have set -------------------------------------------------------------------


@contextlib.contextmanager
def default_dtype(dtype):
    torch.set_default_dtype(dtype)
    try:
        yield
    finally:
        torch.set_default_dtype(torch.float32)


@contextlib.contextmanager
def default_device(device):
    torch.set_default_device(device)
    try:
        yield
    finally:
        torch.set_default_device(None)


SETTINGS = {
    "default dtype float64": lambda: default_dtype(torch.float64),
    "default dtype bfloat16": lambda: default_dtype(torch.bfloat16),
    "gradients off": lambda: torch.set_grad_enabled(False),
    "inference mode": lambda: torch.inference_mode(),
    "default device meta": lambda: default_device("meta"),
}


def state():
    return (
        torch.get_default_dtype(), torch.get_default_device(), torch.is_grad_enabled(), torch.is_inference_mode_enabled(),
        torch.get_rng_state().tolist(), torch.get_num_threads(), torch.is_autocast_enabled("cpu"),
    )  # fmt: skip


@pytest.mark.parametrize("run", RUNS, ids=lambda run: run.__name__)
@pytest.mark.parametrize("setting", SETTINGS)
def test_a_setting_of_the_reader_changes_no_run_and_no_run_changes_the_setting(setting, run, expected):
    with SETTINGS[setting]():
        before = state()
        found = run()
        assert state() == before
    assert found.dtype == expected[run].dtype and torch.equal(found, expected[run])


@pytest.mark.parametrize("run", RUNS, ids=lambda run: run.__name__)
def test_data_made_under_inference_mode_serve_as_well(run, expected):
    with torch.inference_mode():
        data = {name: p.default.clone() for name, p in inspect.signature(run).parameters.items()}
    before = state()
    assert torch.equal(run(**data), expected[run])
    assert state() == before


def test_between_two_steps_the_readers_settings_hold():
    """A panel takes a run step by step: what the reader does in between must not find gradients switched on."""
    students = [MLP(16, 5, seed=seed) for seed in (0, 1)]
    with torch.no_grad():
        for run in (
            training.train(MLP(16, 5), INPUTS, LABELS, TEACHER, recipe=RECIPE),
            sweeps.train(students, INPUTS, LABELS, recipes=[RECIPE, RECIPE]),
            language.train_language_model(language_model(), TEXT, recipe=TEXT_RECIPE, length=6),
        ):
            next(run)
            assert not torch.is_grad_enabled()
            run.close()
            assert not torch.is_grad_enabled()
    with torch.inference_mode():
        sweep = sweeps.train(students, INPUTS, LABELS, recipes=[RECIPE, RECIPE])
        next(sweep)
        assert torch.is_inference_mode_enabled()
        sweep.close()
    assert not any(parameter.is_inference() for student in students for parameter in student.parameters())
    training.fit(students[0], INPUTS, LABELS, recipe=RECIPE)  # they can be trained on


def test_an_evaluation_is_made_under_the_readers_settings():
    seen = []

    def look(student):
        seen.append((torch.is_grad_enabled(), torch.is_inference_mode_enabled()))
        return {}

    for setting in (contextlib.nullcontext, torch.no_grad, torch.inference_mode):
        with setting():
            training.fit(MLP(16, 5), INPUTS, LABELS, recipe=Recipe(steps=1), evaluate=look)
    assert seen == [(True, False), (False, False), (False, True)]


def test_networks_start_in_float32_on_the_cpu_and_move_where_they_are_told():
    for make in (lambda: MLP(4, 3, 2), lambda: TextClassifier(9, 2, width=8, heads=2), language_model):
        plain = weights(make())
        for setting in SETTINGS.values():
            with setting():
                model = make()
            assert all(p.dtype == torch.float32 and p.device.type == "cpu" for p in model.parameters())
            assert not any(p.is_inference() for p in model.parameters()) and torch.equal(weights(model), plain)
        assert next(make().double().parameters()).dtype == torch.float64
        assert next(make().to("meta").parameters()).is_meta


def test_a_student_made_under_inference_mode_is_refused():
    with torch.inference_mode():
        student = nn.Linear(16, 5)
    for start in (
        lambda: training.train(student, INPUTS, LABELS, recipe=RECIPE),
        lambda: sweeps.train([student], INPUTS, LABELS, recipes=[RECIPE]),
    ):
        with pytest.raises(ValueError, match="made under torch.inference_mode.*make it outside"):
            start()


def test_a_student_of_another_dtype_than_its_inputs_is_told_so():
    with pytest.raises(ValueError, match="they are torch.float32, its weights torch.float64; student.to"):
        training.train(MLP(16, 5).double(), INPUTS, LABELS, recipe=RECIPE)


@pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16, torch.float16], ids=str)
def test_students_and_teachers_of_other_dtypes_are_trained(dtype):
    expected = a_sweep()
    recipes = sweeps.grid(RECIPE, temperature=[1, 4], seed=[0, 1])
    students = [MLP(16, 6, 5, seed=recipe.seed) for recipe in recipes]
    sweeps.fit(students, INPUTS, LABELS, TEACHER.to(dtype), recipes=recipes, progress=False)
    assert torch.allclose(weights(*students), expected[: len(weights(*students))], atol=0.05)
    plain, together, alone = MLP(16, 6, 5), MLP(16, 6, 5).to(dtype), MLP(16, 6, 5).to(dtype)
    training.fit(plain, INPUTS, LABELS, TEACHER, recipe=RECIPE)
    training.fit(alone, INPUTS.to(dtype), LABELS, TEACHER, recipe=RECIPE)
    sweeps.fit([together], INPUTS.to(dtype), LABELS, TEACHER, recipes=[RECIPE], progress=False)
    assert weights(together).dtype == weights(alone).dtype == dtype
    for student in (alone, together):  # 7 steps of Adam, each rounded
        assert torch.allclose(weights(student).float(), weights(plain), atol=1e-4 + 8 * torch.finfo(dtype).eps)


# --- another device -------------------------------------------------------------------------------

ELSEWHERE = [
    (run, name)
    for run in RUNS
    for name in inspect.signature(run).parameters
    if run not in (a_shipped_teacher, a_gradient)
]


@pytest.mark.parametrize(("run", "name"), ELSEWHERE, ids=lambda value: getattr(value, "__name__", value))
def test_data_on_another_device_than_the_student_are_noticed_first(run, name):
    default = inspect.signature(run).parameters[name].default
    with pytest.raises(ValueError, match="different devices, |which keeps shapes and no numbers"):
        run(**{name: default.to(META)})


def test_a_student_on_another_device_than_its_data_is_noticed_first():
    student = MLP(16, 5).to(META)
    for start in (
        lambda: training.train(student, INPUTS, LABELS, recipe=RECIPE),
        lambda: sweeps.train([student], INPUTS, LABELS, recipes=[RECIPE]),
    ):
        with pytest.raises(
            ValueError, match=r'inputs and the student are on different devices, cpu and meta.*\.to\("meta"\)'
        ):
            start()
    model = language_model().to(META)
    for start in (
        lambda: language.train_language_model(model, TEXT, recipe=TEXT_RECIPE, length=6),
        lambda: language.distill_on_policy(language_model(), model, TEXT, recipe=TEXT_RECIPE, length=6, prompt=2),
        lambda: generation.generate(model, TEXT[None, :4], 5),
    ):
        with pytest.raises(ValueError, match="different devices, cpu and meta"):
            start()


def test_nothing_can_be_computed_on_the_meta_device_itself():
    with pytest.raises(ValueError, match="meta device, which keeps shapes and no numbers"):
        training.train(MLP(16, 5).to(META), INPUTS.to(META), LABELS.to(META), recipe=RECIPE)
    with pytest.raises(ValueError, match="meta device, which keeps shapes and no numbers"):
        losses.kl_divergence(TEACHER.to(META), TEACHER.to(META))


def test_losses_notice_another_device():
    mask = torch.ones(40, dtype=torch.bool)
    for call in (
        lambda: losses.kl_divergence(TEACHER, TEACHER.to(META)),
        lambda: losses.distillation_loss(TEACHER, TEACHER, LABELS.to(META), temperature=2, alpha=0.5),
        lambda: losses.cross_entropy(TEACHER, LABELS.to(META)),
        lambda: losses.cross_entropy(TEACHER, LABELS, mask=mask.to(META)),
        lambda: losses.hidden_state_loss(TEACHER, TEACHER.to(META)),
        lambda: losses.hidden_cosine_loss(TEACHER, TEACHER.to(META)),
        lambda: losses.attention_kl_loss(random(1, 1, 3, 3), random(1, 1, 3, 3).to(META)),
        lambda: losses.attention_mse_loss(random(1, 1, 3, 3), random(1, 1, 3, 3).to(META)),
        lambda: losses.value_relation_loss(random(1, 1, 3, 3), random(1, 1, 3, 3).to(META)),
        lambda: losses.top_k_divergence(TEACHER, LABELS[:, None].to(META), TEACHER[:, :1]),
        lambda: losses.sampled_cross_entropy(TEACHER, LABELS[:, None], TEACHER[:, :1].exp().to(META)),
    ):
        with pytest.raises(ValueError, match="different devices"):
            call()
