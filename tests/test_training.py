"""Training runs: what they compute, that they repeat, that they stop cleanly, and what they refuse."""

import copy
import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.nn import functional as F

from kdlab.losses import distillation_loss
from kdlab.models import MLP, TextClassifier
from kdlab.teachers import predict_logits
from kdlab.training import History, Recipe, batches_of, compare, fit, race, schedule, train

COUNT, CLASSES = 70, 4


def random(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


INPUTS = random(COUNT, 16)
LABELS = torch.randint(CLASSES, (COUNT,), generator=torch.Generator().manual_seed(1))
TEACHER = random(COUNT, CLASSES, seed=2) * 3
LENGTHS = torch.arange(COUNT) % 8 + 2
IDS = torch.randint(1, 20, (COUNT, 9), generator=torch.Generator().manual_seed(4)) * (
    torch.arange(9) < LENGTHS[:, None]
)
RECIPE = dict(steps=30, batch_size=16, learning_rate=0.01, seed=3)


def recipe(**options):
    return Recipe(**{**RECIPE, **options})


def new_student(**options):
    return MLP(16, 12, CLASSES, seed=5, **options)


def new_reader(**options):
    return TextClassifier(20, CLASSES, width=8, heads=2, layers=1, seed=5, **options)


def weights(model):
    return torch.cat([parameter.detach().flatten() for parameter in model.parameters()])


def same(a, b):
    return torch.equal(weights(a), weights(b))


class Spy(nn.Module):
    """A student that remembers the batches it was trained on."""

    def __init__(self, inputs=16):
        super().__init__()
        self.model, self.seen = MLP(inputs, CLASSES), []

    def forward(self, x):
        if self.training:
            self.seen.append(x.clone())
        return self.model(x)


# --- what a run computes --------------------------------------------------------------------------


@pytest.mark.parametrize("with_teacher", [True, False])
def test_a_run_is_the_plain_loop_written_out_bit_for_bit(with_teacher):
    student, records = new_student(), []
    for record in train(student, INPUTS, LABELS, TEACHER if with_teacher else None, recipe=recipe(alpha=0.3)):
        records.append(record)

    other = new_student()
    generator = torch.Generator().manual_seed(3)
    optimizer = torch.optim.Adam(other.parameters(), fused=True)
    step = 0
    while step < 30:
        for chosen in torch.randperm(COUNT, generator=generator).split(16):
            if len(chosen) < 16 or step == 30:
                continue
            optimizer.param_groups[0]["lr"] = 0.01 * schedule(step, 30)
            logits = other(INPUTS[chosen])
            if with_teacher:
                options = {"temperature": 4, "alpha": 0.3}
                loss = distillation_loss(logits, TEACHER[chosen], LABELS[chosen], **options)
            else:
                loss = F.cross_entropy(logits, LABELS[chosen])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            assert records[step]["loss"] == loss.item()
            step += 1
    assert same(student, other)


def test_it_learns():
    student, teacher_logits = new_student(), INPUTS @ random(16, CLASSES, seed=7)
    history = fit(student, INPUTS, teacher_logits.argmax(1), teacher_logits, recipe=recipe(steps=300))
    _, losses = history.column("loss")
    assert losses[-1] < losses[0] / 20


def test_records_are_plain_numbers_one_for_each_step():
    records = list(train(new_student(), INPUTS, LABELS, TEACHER, recipe=recipe()))
    assert [record["step"] for record in records] == list(range(30))
    for record in records:
        assert list(record) == ["step", "loss", "temperature", "alpha"]
        assert [type(value) for value in record.values()] == [int, float, float, float]


def test_schedule_warms_up_and_then_falls_to_zero():
    factors = [schedule(step, 200) for step in range(200)]
    top = factors.index(max(factors))
    assert 0 < factors[0] <= 0.1 and 5 <= top <= 10 and max(factors) <= 1
    assert factors[: top + 1] == sorted(factors[: top + 1])
    assert factors[top:] == sorted(factors[top:], reverse=True)
    assert factors[-1] < 1e-3 and schedule(0, 1) > 0


def test_every_epoch_is_a_permutation_in_full_batches():
    student = Spy()
    list(train(student, INPUTS, LABELS, recipe=recipe(steps=12)))
    assert all(len(batch) == 16 for batch in student.seen)
    for epoch in range(3):
        rows = torch.cat(student.seen[4 * epoch : 4 * epoch + 4])
        assert len(rows.unique(dim=0)) == 64  # no example twice in an epoch


def test_a_batch_size_above_the_number_of_examples_takes_them_all():
    student = Spy()
    list(train(student, INPUTS, LABELS, recipe=recipe(steps=3, batch_size=1000)))
    assert [len(batch) for batch in student.seen] == [COUNT] * 3


def test_other_shapes_of_input_reach_the_student_as_they_are():
    student = nn.Sequential(nn.Flatten(), MLP(16, CLASSES))
    records = list(train(student, INPUTS.reshape(COUNT, 1, 4, 4), LABELS, TEACHER, recipe=recipe(steps=3)))
    assert len(records) == 3


def test_token_ids_reach_the_student_as_they_are():
    reader = new_reader()
    losses = [record["loss"] for record in train(reader, IDS, LABELS, TEACHER, recipe=recipe(alpha=0.3, steps=6))]

    other = new_reader()
    optimizer = torch.optim.Adam(other.parameters(), fused=True)
    batches = batches_of(COUNT, 16, torch.Generator().manual_seed(3))
    for step in range(6):
        chosen = next(batches)
        optimizer.param_groups[0]["lr"] = 0.01 * schedule(step, 6)
        logits = other(IDS[chosen], IDS[chosen] != 0)
        loss = distillation_loss(logits, TEACHER[chosen], LABELS[chosen], temperature=4, alpha=0.3)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        assert losses[step] == loss.item()
    assert same(reader, other)


def test_a_reader_learns_from_token_ids_and_changes_no_global_random_state():
    labels, state = (IDS == 7).any(1).long(), torch.get_rng_state()
    history = fit(new_reader(dropout=0.1), IDS, labels, recipe=recipe(steps=200))
    _, losses = history.column("loss")
    assert losses[-1] < losses[0] / 5 and torch.equal(state, torch.get_rng_state())


def test_frozen_parameters_stay_frozen():
    student = new_student()
    student.layers[0].requires_grad_(False)
    before = copy.deepcopy(student)
    list(train(student, INPUTS, LABELS, recipe=recipe()))
    assert torch.equal(student.layers[0].weight, before.layers[0].weight)
    assert not torch.equal(student.layers[1].weight, before.layers[1].weight)


# --- evaluation -----------------------------------------------------------------------------------


def test_evaluation_happens_at_the_start_when_due_and_at_the_end_in_eval_mode():
    modes = []

    def evaluate(model):
        modes.append(model.training)
        return {"score": len(modes)}

    run = train(new_student(), INPUTS, LABELS, recipe=recipe(), evaluate=evaluate, evaluate_every=10)
    history = History(list(run))
    assert history.column("score") == ([0, 10, 20, 29], [1, 2, 3, 4])
    assert modes == [False] * 4


def test_evaluation_changes_nothing_about_the_run():
    plain, watched = new_student(dropout=0.5), new_student(dropout=0.5)
    list(train(plain, INPUTS, LABELS, recipe=recipe()))

    def evaluate(model):
        torch.rand(3)
        return {"loss_everywhere": F.cross_entropy(predict_logits(model, INPUTS), LABELS).item()}

    list(train(watched, INPUTS, LABELS, recipe=recipe(), evaluate=evaluate, evaluate_every=3))
    assert same(plain, watched)


# --- repeating ------------------------------------------------------------------------------------


def square_student():
    return MLP(16, 12, CLASSES, dropout=0.5, input_dropout=0.2, seed=5)


@pytest.mark.parametrize("jitter", [None, 1])
def test_the_seed_decides_everything_and_no_global_random_number_is_used_or_changed(jitter):
    results = []
    for seed, outside in ((1, 10), (1, 11), (2, 10)):
        torch.manual_seed(outside)
        before = torch.get_rng_state()
        student = square_student()
        for _ in train(student, INPUTS, LABELS, recipe=recipe(seed=seed), jitter=jitter):
            assert torch.equal(torch.get_rng_state(), before)
        results.append(student)
    assert same(results[0], results[1]) and not same(results[0], results[2])


def test_random_numbers_drawn_between_two_steps_do_not_matter():
    calm, disturbed = square_student(), square_student()
    list(train(calm, INPUTS, LABELS, recipe=recipe()))
    for _ in train(disturbed, INPUTS, LABELS, recipe=recipe()):
        torch.rand(5)
    assert same(calm, disturbed)


def test_a_live_change_and_its_line_of_text_give_the_same_run_bit_for_bit():
    live, settings_now = new_student(), recipe()
    records = []
    for record in train(live, INPUTS, LABELS, TEACHER, recipe=settings_now):
        records.append(record)
        if record["step"] == 9:
            settings_now.change(10, temperature=8.5)
        if record["step"] == 19:
            settings_now.change(20, alpha=0.7)
            settings_now.change(20, temperature=1 / 3)
    replayed = new_student()
    again = list(train(replayed, INPUTS, LABELS, TEACHER, recipe=Recipe.parse(str(settings_now))))
    assert again == records and same(live, replayed)
    assert [records[k]["temperature"] for k in (9, 10, 19, 20, 29)] == [4, 8.5, 8.5, 1 / 3, 1 / 3]
    assert [records[k]["alpha"] for k in (19, 20)] == [0.1, 0.7]
    untouched = new_student()
    list(train(untouched, INPUTS, LABELS, TEACHER, recipe=recipe()))
    assert not same(live, untouched)


# --- stopping -------------------------------------------------------------------------------------


def check_usable(student, training):
    assert student.training is training and all(module.training is training for module in student.modules())
    assert all(parameter.grad is None for parameter in student.parameters())
    assert predict_logits(student, INPUTS).isfinite().all()


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("steps", [0, 1, 7])
def test_closing_keeps_what_was_learned_and_the_mode(training, steps):
    student = square_student().train(training)
    run = train(student, INPUTS, LABELS, recipe=recipe())
    for _ in range(steps):
        next(run)
    run.close()
    check_usable(student, training)
    reference = square_student()
    unfinished = train(reference, INPUTS, LABELS, recipe=recipe())
    for _ in range(steps):
        next(unfinished)
    assert same(student, reference)
    assert next(run, "over") == "over"


def test_leaving_a_loop_and_dropping_the_run_restores_the_mode():
    student = new_student().eval()
    for record in train(student, INPUTS, LABELS, recipe=recipe()):
        if record["step"] == 4:
            break
    del record
    check_usable(student, False)


def test_modes_of_parts_come_back_one_by_one():
    student = nn.Sequential(MLP(16, 8), nn.Dropout(0.5), MLP(8, CLASSES)).train()
    student[1].eval()
    modes = [module.training for module in student.modules()]
    list(train(student, INPUTS, LABELS, recipe=recipe(steps=2)))
    assert [module.training for module in student.modules()] == modes


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt])
def test_an_exception_in_evaluate_comes_out_and_leaves_the_student_usable(error):
    student = new_student().eval()

    def evaluate(model):
        raise error("stop here")

    with pytest.raises(error, match="stop here"):
        list(train(student, INPUTS, LABELS, recipe=recipe(), evaluate=evaluate))
    check_usable(student, False)


def test_an_evaluate_that_forgets_to_return_is_told_so():
    student = new_student()
    with pytest.raises(ValueError, match="evaluate must return a dict of numbers, got NoneType"):
        list(train(student, INPUTS, LABELS, recipe=recipe(), evaluate=lambda model: None))
    check_usable(student, True)


class Breaks(nn.Module):
    """A student whose forward pass raises at the given training step."""

    def __init__(self, at, error):
        super().__init__()
        self.model, self.left, self.error = new_student(dropout=0.5), at, error

    def forward(self, x):
        if self.training:
            torch.rand(1)
            self.left -= 1
            if self.left < 0:
                raise self.error("broken")
        return self.model(x)


def test_an_exception_in_the_student_restores_mode_and_random_state():
    student = Breaks(3, RuntimeError).eval()
    before = torch.get_rng_state()
    with pytest.raises(RuntimeError, match="broken"):
        list(train(student, INPUTS, LABELS, recipe=recipe()))
    check_usable(student, False)
    assert torch.equal(torch.get_rng_state(), before)


def test_fit_keeps_records_and_student_when_interrupted():
    student = Breaks(5, KeyboardInterrupt).eval()
    history = fit(student, INPUTS, LABELS, recipe=recipe())
    assert history.interrupted and [record["step"] for record in history.records] == [0, 1, 2, 3, 4]
    check_usable(student, False)
    student.left = 10**6
    assert not fit(student, INPUTS, LABELS, recipe=recipe()).interrupted  # and it can be trained again


def test_fit_runs_to_the_end():
    history = fit(new_student(), INPUTS, LABELS, TEACHER, recipe=recipe(), evaluate=lambda model: {"x": 1.0})
    assert len(history.records) == 30 and not history.interrupted and history.seconds > 0
    assert history.column("x") == ([0, 25, 29], [1.0, 1.0, 1.0])


def test_a_loss_that_is_not_finite_stops_the_run_with_advice():
    student = new_student()
    with pytest.raises(RuntimeError, match="smaller learning_rate"):
        list(train(student, INPUTS * 1e18, LABELS, TEACHER, recipe=recipe(learning_rate=1e18)))


# --- jitter ---------------------------------------------------------------------------------------


def shifted(image, down, right):
    """The image (side, side) moved by whole pixels, zeros coming in, written out with loops."""
    side = len(image)
    result = torch.zeros(side, side)
    for i in range(side):
        for j in range(side):
            if 0 <= i - down < side and 0 <= j - right < side:
                result[i, j] = image[i - down, j - right]
    return result


@pytest.mark.parametrize("pixels", [1, 2])
def test_jitter_moves_each_image_on_its_own_by_every_shift_up_to_the_limit(pixels):
    side, count = 6, 40
    images = random(count, side, side, seed=4)
    moves = range(-pixels, pixels + 1)
    table = {(d, r): torch.stack([shifted(image, d, r) for image in images]) for d in moves for r in moves}
    student = Spy(side * side)
    labels = torch.zeros(count, dtype=torch.long)
    list(train(student, images.flatten(1), labels, recipe=recipe(steps=12, batch_size=count), jitter=pixels))
    used = set()
    for batch in student.seen:
        for image in batch.reshape(-1, side, side):
            found = [shift for shift, moved in table.items() if (moved == image).all((1, 2)).any()]
            assert len(found) == 1
            used.add(found[0])
    assert used == set(table)
    pictures = [{tuple(image.tolist()) for image in batch} for batch in student.seen]
    assert pictures[0] != pictures[1]  # the same images, moved anew


def test_jitter_of_nothing_is_no_jitter_and_leaves_the_inputs_alone():
    plain, still, moved = new_student(), new_student(), new_student()
    before = INPUTS.clone()
    list(train(plain, INPUTS, LABELS, recipe=recipe()))
    list(train(still, INPUTS, LABELS, recipe=recipe(), jitter=0))
    list(train(moved, INPUTS, LABELS, recipe=recipe(), jitter=1))
    assert same(plain, still) and not same(plain, moved) and torch.equal(INPUTS, before)


# --- refusals, all before the first step ----------------------------------------------------------


def bad(words, **changes):
    return pytest.param(words, changes, id=words + " " + ",".join(changes))


@pytest.mark.parametrize(
    ("words", "changes"),
    [
        bad("recipe must be a Recipe", recipe={"steps": 3}),
        bad("student", student=lambda x: x),
        bad("student", student=new_student().requires_grad_(False)),
        bad("cannot read inputs", student=MLP(15, CLASSES)),
        bad("inputs must be a floating-point", inputs=(INPUTS > 0).to(torch.uint8)),
        bad("inputs must be a floating-point", inputs=IDS.int(), student=new_reader()),
        bad("token ids must be", inputs=INPUTS.long()),
        bad("token ids must be", inputs=IDS[:, :, None], student=new_reader()),
        bad("token ids must be", inputs=IDS * (IDS.sum(1, keepdim=True) != IDS.sum(1).max()), student=new_reader()),
        bad("empty", inputs=IDS[:, :0], student=new_reader()),
        bad("cannot read inputs", inputs=IDS),
        bad("cannot read inputs", inputs=IDS.index_fill(0, torch.tensor([7]), 20), student=new_reader()),
        bad("token ids have no pixels", inputs=IDS, student=new_reader(), teacher_logits=None, jitter=1),
        bad("inputs must be a floating-point", inputs=INPUTS.numpy()),
        bad("NaN or infinite", inputs=INPUTS * math.nan),
        bad("empty", inputs=INPUTS[:0]),
        bad("labels", labels=LABELS[:-1]),
        bad("labels", labels=LABELS + 1),
        bad("labels", labels=LABELS - 1),
        bad("labels", labels=LABELS.float()),
        bad("labels", labels=None),
        bad("same shape", teacher_logits=TEACHER[:-1]),
        bad("same shape", teacher_logits=TEACHER[:1]),
        bad("same shape", teacher_logits=TEACHER[:, :-1]),
        bad("teacher_logits", teacher_logits=TEACHER * math.inf),
        bad("floating-point", teacher_logits=LABELS),
        bad("evaluate must be a function", evaluate=3),
        bad("evaluate_every", evaluate_every=0),
        bad("jitter", jitter=-1),
        bad("jitter", jitter=0.5),
        bad("do not go together", jitter=2),
        bad("square images", jitter=2, teacher_logits=None, inputs=random(COUNT, 15), student=MLP(15, CLASSES)),
    ],
)
def test_bad_input_is_refused_when_train_is_called(words, changes):
    arguments = dict(student=new_student(), inputs=INPUTS, labels=LABELS, teacher_logits=TEACHER, recipe=recipe())
    with pytest.raises(ValueError, match=words):
        train(**{**arguments, **changes})


def test_settings_spoiled_after_the_recipe_was_made_are_refused():
    spoiled = recipe()
    spoiled.temperature = -1
    with pytest.raises(ValueError, match="temperature"):
        train(new_student(), INPUTS, LABELS, TEACHER, recipe=spoiled)


def test_inputs_of_the_training_call_are_not_changed():
    inputs, labels, teacher = INPUTS.clone(), LABELS.clone(), TEACHER.clone().requires_grad_()
    list(train(new_student(), inputs, labels, teacher, recipe=recipe()))
    assert torch.equal(inputs, INPUTS) and torch.equal(labels, LABELS)
    assert torch.equal(teacher, TEACHER) and teacher.grad is None


# --- recipes --------------------------------------------------------------------------------------


numbers = st.floats(1e-6, 1e6)
fractions = st.floats(0, 1)
changes = st.dictionaries(
    st.integers(0, 999),
    st.fixed_dictionaries({}, optional={"temperature": numbers, "alpha": fractions}).filter(bool),
    max_size=4,
)


@settings(max_examples=50, deadline=None)
@given(numbers, fractions, st.integers(1, 10**6), numbers, st.integers(0, 2**40), changes)
def test_a_recipe_reads_back_exactly(temperature, alpha, batch_size, learning_rate, seed, changes):
    original = Recipe(temperature, alpha, 1000, batch_size, learning_rate, seed, changes)
    line = str(original)
    assert "\n" not in line and Recipe.parse(line) == original and str(Recipe.parse(line)) == line


def test_the_line_is_the_documented_one():
    example = Recipe()
    example.change(300, alpha=0.5)
    example.change(120, temperature=8)
    line = (
        "temperature=4 alpha=0.1 steps=800 batch_size=128 learning_rate=0.001 seed=0"
        " | 120: temperature=8 | 300: alpha=0.5"
    )
    assert str(example) == line and Recipe.parse(f"  {line}\n") == example


def test_a_line_may_leave_settings_out():
    assert Recipe.parse("") == Recipe()
    assert Recipe.parse("steps=10 | 3: temperature=2") == Recipe(steps=10, changes={3: {"temperature": 2.0}})


def test_each_recipe_has_changes_of_its_own():
    Recipe().change(1, alpha=0)
    assert Recipe().changes == {}


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("temprature=4", "'temprature=4'.*settings here are temperature"),
        ("temperature=hot", "'temperature=hot'.*must be a number"),
        ("temperature", "'temperature'.*must be a number"),
        ("steps=1.5", "'steps=1.5'.*whole number"),
        ("steps=10 steps=20", "'steps=20'.*twice"),
        ("temperature=0", "temperature must be positive|temperature must be a positive"),
        ("temperature=nan", "temperature"),
        ("alpha=2", "alpha must be in"),
        ("steps=0", "steps must be a whole number, at least 1"),
        ("batch_size=0", "batch_size"),
        ("seed=-1", "seed"),
        ("learning_rate=0", "learning_rate"),
        ("learning_rate=inf", "learning_rate"),
        ("steps=10 | temperature=8", "a change looks like"),
        ("steps=10 | x: temperature=8", "a change looks like"),
        ("steps=10 | 3: seed=8", "'seed=8'.*settings here are temperature, alpha"),
        ("steps=10 | 3:", "nothing"),
        ("steps=10 | 10: alpha=0", "comes too late"),
        ("steps=10 | 3: alpha=0 | 3: temperature=2", "stands twice"),
        ("steps=10 | 3: alpha=-1", "alpha"),
        ("steps=10 |", "a change looks like"),
    ],
)
def test_a_bad_line_is_refused_by_naming_the_word(line, words):
    with pytest.raises(ValueError, match=words):
        Recipe.parse(line)


@pytest.mark.parametrize(
    ("step", "change"),
    [(5, {"temperature": 0}), (5, {"alpha": 1.5}), (5, {"steps": 3}), (5, {}), (-1, {"alpha": 0}), (30, {"alpha": 0}),
     (1.5, {"alpha": 0}), (True, {"alpha": 0})],
)  # fmt: skip
def test_a_bad_change_is_refused_at_once_and_leaves_the_recipe_alone(step, change):
    example = recipe()
    with pytest.raises(ValueError):
        example.change(step, **change)
    assert example == recipe()


# --- race and compare -----------------------------------------------------------------------------


def racers(make=new_student):
    return {"distilled": make(), "hard": make()}


def test_a_race_is_two_runs_in_step_over_the_same_batches():
    students, alone = racers(), racers()
    records = list(race(students, INPUTS, LABELS, TEACHER, recipe=recipe(), evaluate=lambda m: {"x": 1.0}))
    distilled = list(train(alone["distilled"], INPUTS, LABELS, TEACHER, recipe=recipe()))
    hard = list(train(alone["hard"], INPUTS, LABELS, recipe=recipe()))
    assert all(same(students[name], alone[name]) for name in alone)
    for record, ours, theirs in zip(records, distilled, hard, strict=True):
        assert list(record) == ["step", "temperature", "alpha", "distilled", "hard"]
        assert record["step"] == ours["step"] and record["distilled"]["loss"] == ours["loss"]
        assert record["hard"]["loss"] == theirs["loss"] and "step" not in record["hard"]
    assert records[0]["hard"]["x"] == records[25]["distilled"]["x"] == 1.0 and "x" not in records[1]["hard"]


def test_both_arms_of_a_race_see_the_same_batches():
    students = racers(Spy)
    list(race(students, INPUTS, LABELS, TEACHER, recipe=recipe()))
    pairs = zip(students["distilled"].seen, students["hard"].seen, strict=True)
    assert all(torch.equal(ours, theirs) for ours, theirs in pairs)


def test_a_race_takes_live_changes_and_says_so():
    live = recipe()
    temperatures = []
    for record in race(racers(), INPUTS, LABELS, TEACHER, recipe=live):
        temperatures.append(record["temperature"])
        if record["step"] == 3:
            live.change(4, temperature=9)
    assert temperatures == [4.0] * 4 + [9.0] * 26


@pytest.mark.parametrize("steps", [0, 1, 6])
def test_stopping_a_race_leaves_both_students_usable_and_level(steps):
    students = {name: model.eval() for name, model in racers().items()}
    run = race(students, INPUTS, LABELS, TEACHER, recipe=recipe())
    for _ in range(steps):
        next(run)
    run.close()
    for student in students.values():
        check_usable(student, False)


def test_an_exception_in_one_arm_closes_the_other_too():
    students = {"distilled": new_student().eval(), "hard": Breaks(4, RuntimeError).eval()}
    with pytest.raises(RuntimeError, match="broken"):
        list(race(students, INPUTS, LABELS, TEACHER, recipe=recipe()))
    for student in students.values():
        check_usable(student, False)


@pytest.mark.parametrize(
    ("words", "changes"),
    [
        ("dict", {"students": [new_student(), new_student()]}),
        ("dict", {"students": {"distilled": new_student()}}),
        ("one object", {"students": dict.fromkeys(["distilled", "hard"], new_student())}),
        ("needs teacher_logits", {"teacher_logits": None}),
        ("same shape", {"teacher_logits": TEACHER[:3]}),
        ("labels", {"labels": LABELS[:3]}),
    ],
)
def test_a_bad_race_is_refused_when_it_is_called(words, changes):
    arguments = dict(students=racers(), inputs=INPUTS, labels=LABELS, teacher_logits=TEACHER, recipe=recipe())
    with pytest.raises(ValueError, match=words):
        race(**{**arguments, **changes})


def test_compare_reports_mean_sd_and_wins():
    arms = {"a": lambda seed: 10 + seed, "b": lambda seed: [9, 11, 15][seed], "c": lambda seed: 20}
    result = compare(arms, [0, 1, 2])
    assert result["a"] == {"values": [10, 11, 12], "mean": 11, "sd": 1.0, "wins": 1, "of": 3}
    assert result["b"]["wins"] == 1 and result["b"]["sd"] == pytest.approx(math.sqrt(28 / 3))  # 11 against 11: nobody
    assert result["c"] == {"values": [20.0] * 3, "mean": 20, "sd": 0, "wins": 0, "of": 3}
    assert compare(arms, [0, 1, 2], higher_is_better=True)["c"]["wins"] == 3


def test_compare_gives_every_arm_every_seed():
    calls = []
    arms = {name: lambda seed, name=name: calls.append((name, seed)) or float(seed) for name in "xy"}
    compare(arms, range(2))
    assert calls == [("x", 0), ("y", 0), ("x", 1), ("y", 1)]


@pytest.mark.parametrize("seeds", [[], [1], [1, 1]])
def test_compare_needs_different_seeds(seeds):
    with pytest.raises(ValueError, match="two different seeds"):
        compare({"a": float, "b": float}, seeds)


def test_compare_needs_two_arms_and_finite_results():
    with pytest.raises(ValueError, match="two arms"):
        compare({"a": float}, [0, 1])
    with pytest.raises(ValueError, match="'b' gave nan with seed 0"):
        compare({"a": float, "b": lambda seed: math.nan}, [0, 1])
