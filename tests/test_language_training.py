"""What a model says along a text, and training runs over a text: against loops written out, stopped, spoiled, repeated."""

import copy
import itertools
import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional as F

from kdlab import losses
from kdlab.generation import answer, generate
from kdlab.language import (
    bits_per_character,
    distill_on_policy,
    predict_text,
    race_language_models,
    train_language_model,
    windows_of,
)
from kdlab.losses import jensen_shannon_divergence_core, kl_divergence_core, reverse_kl_divergence_core
from kdlab.models import LanguageModel, evaluating
from kdlab.token_caches import TokenCache, sampled_cache, top_k_cache
from kdlab.training import Recipe, drain, schedule

VOCABULARY, LENGTH = 6, 8


def new_model(seed=0, vocabulary=VOCABULARY, **options):
    return LanguageModel(vocabulary, **{"width": 8, "heads": 2, "layers": 1, "context": 16, "seed": seed} | options)


def opinionated(seed=5):
    """A teacher that finds some tokens much likelier than others."""
    model = new_model(seed, width=12)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.mul_(8 if parameter.ndim == 2 else 1)
    return model.eval()


def recipe(**options):
    return Recipe(**{"temperature": 1.0, "alpha": 0.0, "steps": 12, "batch_size": 4, "learning_rate": 0.01} | options)


def same(a, b):
    return all(torch.equal(x, y) for x, y in zip(a.parameters(), b.parameters(), strict=True))


TEACHER = opinionated()
TEXT = generate(TEACHER, torch.zeros(10, 1, dtype=torch.int64), 11).flatten()  # 120 tokens
LOGITS = predict_text(TEACHER, TEXT)


def first_batch():
    starts = torch.randint(len(TEXT) - LENGTH, (4, 1), generator=torch.Generator().manual_seed(0))
    return starts + torch.arange(LENGTH)


# --- along a text ---------------------------------------------------------------------------------


@settings(max_examples=10, deadline=None)
@given(st.integers(1, 120), st.integers(2, 16), st.integers(1, 5))
def test_each_entry_is_what_the_model_says_after_the_tokens_of_its_window(count, length, batch_size):
    text, found = TEXT[:count], predict_text(TEACHER, TEXT[:count], length, batch_size)
    assert found.shape == (count, VOCABULARY) and not found.requires_grad
    for i in range(count):
        possible = []
        for start in range(max(0, i - length + 1), i + 1):  # every window that could have been read
            known = i - start + 1
            if start == 0 or known > length // 2:
                with evaluating(TEACHER):
                    possible.append(TEACHER(text[None, start : i + 1])[0, -1])
        assert any(torch.allclose(found[i], logits, atol=1e-4) for logits in possible), i


def test_a_text_that_fits_is_one_pass_and_the_first_window_is_whole():
    whole = predict_text(TEACHER, TEXT[:16])
    assert torch.equal(whole, TEACHER(TEXT[None, :16])[0])
    assert torch.allclose(LOGITS[:16], whole, atol=1e-5)
    assert torch.allclose(predict_text(TEACHER, TEXT, batch_size=2), LOGITS, atol=1e-5)
    assert predict_text(TEACHER, TEXT[:1]).shape == (1, VOCABULARY)


def test_later_text_changes_nothing_but_the_last_window():
    other = TEXT.clone()
    other[100:] = (other[100:] + 1) % VOCABULARY
    assert torch.equal(predict_text(TEACHER, other)[:100], LOGITS[:100])


def test_bits_of_a_model_that_finds_all_alike_and_of_one_that_knows():
    model = new_model()
    with torch.no_grad():
        model.tokens.weight.zero_()
    assert bits_per_character(model, TEXT) == pytest.approx(math.log2(VOCABULARY), abs=1e-6)
    single = new_model(vocabulary=2)
    with torch.no_grad():
        single.tokens.weight.zero_()
        single.norm.bias.fill_(1.0)
        single.tokens.weight[1] = math.log(3) / 8  # the logits are 0 and log 3 plus what the state says about weights
        single.norm.weight.zero_()
    text = torch.tensor([0, 1, 1, 1, 0])
    assert bits_per_character(single, text) == pytest.approx(-(3 * math.log2(3 / 4) + math.log2(1 / 4)) / 4, abs=1e-6)


@pytest.mark.parametrize("length", [None, 6])
def test_bits_are_the_mean_over_all_characters_but_the_first(length):
    p = predict_text(TEACHER, TEXT, length).double().softmax(-1)
    bits = [-math.log2(p[i, TEXT[i + 1]]) for i in range(len(TEXT) - 1)]
    assert bits_per_character(TEACHER, TEXT, length) == pytest.approx(sum(bits) / len(bits), abs=1e-5)
    assert sum(bits) / len(bits) < math.log2(VOCABULARY) - 0.1  # its own text


def test_looking_leaves_mode_and_random_numbers_alone():
    model, before = new_model(dropout=0.5).train(), torch.get_rng_state()
    assert torch.equal(predict_text(model, TEXT), predict_text(model, TEXT))
    assert bits_per_character(model, TEXT) == bits_per_character(model, TEXT)
    assert model.training and torch.equal(torch.get_rng_state(), before)


def test_windows_hold_neighbours_and_every_place_has_its_turn():
    batches = windows_of(20, 5, 8, torch.Generator().manual_seed(0))
    places = torch.cat(list(itertools.islice(batches, 100)))
    assert (places.diff(dim=1) == 1).all() and places.min() == 0 and places.max() == 19
    starts = places[:, 0].bincount(minlength=16)
    assert len(starts) == 16 and starts.min() > 20
    alone = next(windows_of(5, 5, 3, torch.Generator()))
    assert alone.tolist() == [[0, 1, 2, 3, 4]] * 3


# --- what a run computes --------------------------------------------------------------------------

KINDS = ["text", "logits", "reverse", "top", "sampled"]


def teacher_of(kind):
    if kind == "top":
        return {"teacher": top_k_cache(LOGITS, 3)}
    if kind == "sampled":
        return {"teacher": sampled_cache(LOGITS, 4, torch.Generator().manual_seed(0))}
    reverse = {"divergence": reverse_kl_divergence_core} if kind == "reverse" else {}
    return {"teacher": None if kind == "text" else LOGITS} | reverse


def loss_by_hand(logits, places, kind, temperature, alpha, mask):
    """The mean over the windows' tokens, one at a time; logits (N, L, vocabulary)."""
    values, teacher = [], teacher_of(kind)["teacher"]
    for n, place in itertools.product(range(len(places)), range(places.shape[1])):
        m = places[n, place].item()
        if mask is not None and not mask[m]:
            continue
        z = logits[n, place].double()
        q = z.softmax(-1).tolist()
        hard = -math.log(q[TEXT[m + 1]])
        if kind == "text":
            values.append(hard)
            continue
        if kind in ("logits", "reverse"):
            p, q = ((x.double() / temperature).softmax(-1).tolist() for x in (LOGITS[m], z))
            p, q = (q, p) if kind == "reverse" else (p, q)
            soft = sum(a * math.log(a / b) for a, b in zip(p, q, strict=True))
        else:
            own = dict.fromkeys(range(VOCABULARY), 0.0)
            for token, weight in zip(teacher.ids[m].tolist(), teacher.weights[m].tolist(), strict=True):
                own[token] += weight
            if kind == "sampled":
                soft = -sum(weight * math.log(q[token]) for token, weight in own.items())
            else:
                kept = [token for token in own if own[token] > 0]
                soft = sum(own[token] * math.log(own[token] / q[token]) for token in kept)
                left, left_q = 1 - sum(own.values()), 1 - sum(q[token] for token in kept)
                soft += left * math.log(left / left_q)
        values.append(alpha * hard + (1 - alpha) * temperature**2 * soft)
    return sum(values) / len(values)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("masked", [False, True])
def test_the_first_loss_is_the_one_computed_by_hand(kind, masked):
    temperature = 2.0 if kind in ("logits", "reverse") else 1.0
    mask = torch.arange(len(TEXT)) % 3 > 0 if masked else None
    student = new_model()
    run = train_language_model(
        student, TEXT, recipe=recipe(temperature=temperature, alpha=0.3), length=LENGTH, mask=mask, **teacher_of(kind)
    )
    expected_logits = copy.deepcopy(student)(TEXT[first_batch()]).detach()
    record = next(run)
    expected = loss_by_hand(expected_logits, first_batch(), kind, temperature, 0.3, mask)
    assert record == {"step": 0, "loss": pytest.approx(expected, rel=1e-5), "temperature": temperature, "alpha": 0.3}


def test_a_run_is_the_plain_loop_written_out_bit_for_bit():
    student = new_model()
    records = list(train_language_model(student, TEXT, LOGITS, recipe=recipe(alpha=0.3, seed=2), length=LENGTH))
    other, generator = new_model(), torch.Generator().manual_seed(2)
    optimizer = torch.optim.Adam(other.parameters(), fused=True)
    for step in range(12):
        places = torch.randint(len(TEXT) - LENGTH, (4, 1), generator=generator) + torch.arange(LENGTH)
        logits = other(TEXT[places])
        log_q, log_p = logits.log_softmax(-1), LOGITS[places].log_softmax(-1)
        soft = (log_p.exp() * (log_p - log_q)).sum() / places.numel()
        loss = 0.3 * F.cross_entropy(logits.flatten(0, 1), TEXT[places + 1].flatten()) + 0.7 * soft
        optimizer.param_groups[0]["lr"] = 0.01 * schedule(step, 12)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        assert records[step]["loss"] == pytest.approx(loss.item(), rel=1e-6)
    for a, b in zip(student.parameters(), other.parameters(), strict=True):
        assert torch.allclose(a, b, atol=1e-6)


def test_a_cache_of_the_whole_vocabulary_is_the_same_run_as_with_logits():
    results = []
    for teacher in (LOGITS, top_k_cache(LOGITS, VOCABULARY)):
        student = new_model()
        records = list(train_language_model(student, TEXT, teacher, recipe=recipe(alpha=0.2), length=LENGTH))
        results.append((student, [record["loss"] for record in records]))
    (a, a_losses), (b, b_losses) = results
    assert b_losses == pytest.approx(a_losses, abs=1e-6)
    assert all(torch.allclose(x, y, atol=1e-5) for x, y in zip(a.parameters(), b.parameters(), strict=True))


@pytest.mark.parametrize("rest", losses.RESTS)
def test_what_becomes_of_the_rest_of_a_cache_can_be_chosen(rest):
    student, cache = new_model(), top_k_cache(LOGITS, 3)
    logits = copy.deepcopy(student)(TEXT[first_batch()]).detach()
    record = next(train_language_model(student, TEXT, cache, recipe=recipe(), length=LENGTH, rest=rest))
    places = first_batch()
    expected = losses.top_k_divergence(logits, cache.ids[places], cache.weights[places].log(), rest=rest)
    assert record["loss"] == pytest.approx(expected.item(), rel=1e-5)


def test_it_learns_the_text_and_more_of_the_language_from_the_teacher():
    options = {"recipe": recipe(steps=60, learning_rate=0.02), "length": LENGTH}
    unseen = generate(TEACHER, torch.zeros(60, 1, dtype=torch.int64), 12, generator=torch.Generator().manual_seed(9))
    expected, distances = predict_text(TEACHER, unseen.flatten()), []
    for teacher in (None, LOGITS):
        student = new_model()
        before = bits_per_character(student, TEXT)
        list(train_language_model(student, TEXT, teacher, **options))
        assert bits_per_character(student, TEXT) < before - 0.05
        distances.append(kl_divergence_core(predict_text(student, unseen.flatten()), expected).item())
    assert distances[1] < 0.5 * distances[0]


def test_without_a_teacher_alpha_and_temperature_change_nothing():
    models = [new_model(), new_model()]
    for model, settings_now in zip(models, (recipe(), recipe(alpha=0.9, temperature=5)), strict=True):
        list(train_language_model(model, TEXT, recipe=settings_now, length=LENGTH))
    assert same(*models)


def test_tokens_that_do_not_count_teach_nothing():
    mask = torch.arange(len(TEXT)) % 2 == 0
    junk = LOGITS.clone()
    junk[~mask] = junk[~mask].flip(-1)
    models = [new_model(), new_model(), new_model()]
    for model, teacher, own in zip(models, (LOGITS, junk, junk), (mask, mask, None), strict=True):
        list(train_language_model(model, TEXT, teacher, recipe=recipe(), length=LENGTH, mask=own))
    assert same(*models[:2]) and not same(*models[1:])


def test_windows_without_a_token_that_counts_are_passed_over():
    mask = torch.zeros(len(TEXT), dtype=torch.bool)
    mask[60] = True
    student = new_model()
    records = list(
        train_language_model(student, TEXT, LOGITS, recipe=recipe(batch_size=1, alpha=0.5), length=3, mask=mask)
    )
    assert len(records) == 12 and all(math.isfinite(record["loss"]) for record in records)
    assert (
        predict_text(student, TEXT)[60].softmax(-1)[TEXT[61]]
        > predict_text(new_model(), TEXT)[60].softmax(-1)[TEXT[61]]
    )


def test_other_divergences_may_be_given():
    losses = {}
    for divergence in (reverse_kl_divergence_core, jensen_shannon_divergence_core):
        student = new_model()
        run = train_language_model(
            student, TEXT, LOGITS, recipe=recipe(temperature=2), length=LENGTH, divergence=divergence
        )
        logits = copy.deepcopy(student)(TEXT[first_batch()])
        expected = 4 * divergence(logits, LOGITS[first_batch()], temperature=2).item()
        losses[divergence] = next(run)["loss"]
        assert losses[divergence] == pytest.approx(expected, rel=1e-5)
    assert len(set(losses.values())) == 2


# --- seeds, changes, evaluation -------------------------------------------------------------------


@pytest.mark.parametrize("teacher", [None, LOGITS])
def test_the_seed_decides_everything_and_no_global_random_number_is_used_or_changed(teacher):
    before, models, all_records = torch.get_rng_state(), [], []
    for seed in (1, 1, 2):
        models.append(new_model(dropout=0.3))
        run = train_language_model(models[-1], TEXT, teacher, recipe=recipe(seed=seed, steps=6), length=LENGTH)
        records = []
        for record in run:
            records.append(record)
            if len(all_records) == 1:  # the second run is disturbed between steps
                torch.rand(3)
        all_records.append(records)
        torch.set_rng_state(before)
    assert all_records[0] == all_records[1] and same(*models[:2])
    assert all_records[0] != all_records[2] and not same(models[0], models[2])
    list(train_language_model(new_model(dropout=0.3), TEXT, recipe=recipe(steps=2), length=LENGTH))
    assert torch.equal(torch.get_rng_state(), before)


def test_a_live_change_and_its_line_of_text_give_the_same_run_bit_for_bit():
    live, settings_now, records = new_model(), recipe(), []
    for record in train_language_model(live, TEXT, LOGITS, recipe=settings_now, length=LENGTH):
        records.append(record)
        if record["step"] == 3:
            settings_now.change(4, temperature=2.5)
            settings_now.change(6, alpha=0.7)
    replayed = new_model()
    again = train_language_model(replayed, TEXT, LOGITS, recipe=Recipe.parse(str(settings_now)), length=LENGTH)
    assert list(again) == records and same(live, replayed)
    assert [(records[k]["temperature"], records[k]["alpha"]) for k in (3, 4, 6)] == [(1, 0), (2.5, 0), (2.5, 0.7)]
    unchanged = new_model()
    list(train_language_model(unchanged, TEXT, LOGITS, recipe=recipe(), length=LENGTH))
    assert not same(live, unchanged)


def test_evaluation_happens_when_due_in_eval_mode_and_changes_nothing():
    modes, student, other = [], new_model(dropout=0.2), new_model(dropout=0.2)

    def evaluate(model):
        modes.append(model.training)
        torch.rand(2)
        return {"bits": bits_per_character(model, TEXT[:40])}

    options = {"recipe": recipe(), "length": LENGTH}
    records = list(train_language_model(student, TEXT, evaluate=evaluate, evaluate_every=5, **options))
    assert [record["step"] for record in records if "bits" in record] == [0, 5, 10, 11] and modes == [False] * 4
    plain = list(train_language_model(other, TEXT, **options))
    assert [record["loss"] for record in plain] == [record["loss"] for record in records] and same(student, other)


# --- stopping -------------------------------------------------------------------------------------


def check_usable(student, training):
    assert all(module.training is training for module in student.modules())
    assert all(parameter.grad is None for parameter in student.parameters())
    assert bits_per_character(student, TEXT) < 10


def runs_of(student, **options):
    """Each kind of run of one student."""
    yield train_language_model(student, TEXT, LOGITS, recipe=recipe(), length=LENGTH, **options)
    yield distill_on_policy(student, TEACHER, TEXT, recipe=recipe(), length=LENGTH, prompt=3, **options)


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("steps", [0, 5])
@pytest.mark.parametrize("kind", [0, 1])
def test_closing_keeps_what_was_learned_and_the_mode(kind, steps, training):
    student, reference = (new_model(dropout=0.2).train(training) for _ in range(2))
    run, unfinished = (list(runs_of(model))[kind] for model in (student, reference))
    for _ in range(steps):
        next(run)
        next(unfinished)
    run.close()
    check_usable(student, training)
    assert same(student, reference) and same(student, new_model()) == (steps == 0)
    assert next(run, "over") == "over"


@pytest.mark.parametrize("kind", [0, 1])
def test_an_interrupt_keeps_the_records_and_the_student(kind):
    student, before = new_model(dropout=0.2).eval(), torch.get_rng_state()
    calls = itertools.count()

    def evaluate(model):
        if next(calls) == 4:
            raise KeyboardInterrupt
        return {}

    history = drain(list(runs_of(student, evaluate=evaluate, evaluate_every=1))[kind])
    assert history.interrupted and [record["step"] for record in history.records] == [0, 1, 2, 3]
    check_usable(student, False)
    assert torch.equal(torch.get_rng_state(), before) and torch.is_grad_enabled()


@pytest.mark.parametrize("kind", [0, 1])
def test_an_exception_in_the_student_restores_mode_and_random_state(kind):
    student, before = new_model(dropout=0.2).eval(), torch.get_rng_state()
    run = list(runs_of(student))[kind]
    next(run)
    handle = student.norm.register_forward_hook(lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        next(run)
    handle.remove()
    check_usable(student, False)
    assert torch.equal(torch.get_rng_state(), before) and torch.is_grad_enabled()


# --- two students side by side --------------------------------------------------------------------


@pytest.mark.parametrize("cached", [False, True])
def test_a_race_is_two_separate_runs_over_the_same_windows(cached):
    teacher = top_k_cache(LOGITS, 2) if cached else LOGITS
    students = {"distilled": new_model(), "hard": new_model()}
    options = {"recipe": recipe(alpha=0.2, seed=4), "length": LENGTH, "evaluate_every": 5}
    options["evaluate"] = lambda model: {"bits": bits_per_character(model, TEXT[:30])}
    records = list(race_language_models(students, TEXT, teacher, **options))
    for name, own in (("distilled", teacher), ("hard", None)):
        alone = new_model()
        separate = list(train_language_model(alone, TEXT, own, **options))
        assert same(alone, students[name])
        shared = ("step", "temperature", "alpha")
        assert [{key: record[key] for key in shared} | record[name] for record in records] == separate
    assert set(records[0]) == {"step", "temperature", "alpha", "distilled", "hard"}


def test_closing_a_race_leaves_both_students_usable_and_level():
    students = {name: new_model().eval() for name in ("distilled", "hard")}
    run = race_language_models(students, TEXT, LOGITS, recipe=recipe(), length=LENGTH)
    for _ in range(3):
        next(run)
    run.close()
    for name, teacher in (("distilled", LOGITS), ("hard", None)):
        check_usable(students[name], False)
        alone = train_language_model(other := new_model(), TEXT, teacher, recipe=recipe(), length=LENGTH)
        assert len([next(alone) for _ in range(3)]) == 3 and same(other, students[name])


def test_a_bad_race_is_refused_when_it_is_called():
    model = new_model()
    with pytest.raises(ValueError, match="students must be a dict"):
        race_language_models([model, new_model()], TEXT, LOGITS, recipe=recipe(), length=LENGTH)
    with pytest.raises(ValueError, match="one object"):
        race_language_models({"distilled": model, "hard": model}, TEXT, LOGITS, recipe=recipe(), length=LENGTH)
    with pytest.raises(ValueError, match="teacher"):
        race_language_models({"distilled": model, "hard": new_model()}, TEXT, None, recipe=recipe(), length=LENGTH)


# --- the student's own text -----------------------------------------------------------------------


class Reads(torch.nn.Module):
    """Remembers what a student reads while it trains."""

    def __init__(self):
        super().__init__()
        self.model, self.seen = new_model(), []
        self.tokens, self.context = self.model.tokens, self.model.context

    def forward(self, ids, cache=None):
        if self.training:
            self.seen.append(ids.clone())
        return self.model(ids, cache)


def windows_seen(on_policy, steps=12, **options):
    student = Reads()
    run = distill_on_policy(
        student, TEACHER, TEXT, recipe=recipe(steps=steps), length=LENGTH, prompt=3, on_policy=on_policy, **options
    )
    records = list(run)
    return student.seen, records


def in_text(row):
    return any(torch.equal(row, TEXT[i : i + len(row)]) for i in range(len(TEXT) - len(row) + 1))


def test_with_on_policy_zero_it_reads_the_text_only():
    seen, _ = windows_seen(0.0)
    assert all(batch.shape == (4, LENGTH - 1) for batch in seen)
    assert all(in_text(row) for batch in seen for row in batch)


def test_with_on_policy_one_it_reads_beginnings_from_the_text_and_its_own_words():
    seen, _ = windows_seen(1.0)
    assert all(in_text(row[:3]) for batch in seen for row in batch)
    whole = sum(in_text(row) for batch in seen for row in batch)
    assert whole < 0.5 * sum(map(len, seen))


def test_in_between_each_step_is_either():
    seen, _ = windows_seen(0.4, steps=60)
    from_text = sum(all(in_text(row) for row in batch) for batch in seen)
    assert 20 < from_text < 52  # 36 expected, sd 3.8


@pytest.mark.parametrize(("long_term", "baseline"), [(0.0, True), (0.5, False), (0.5, True)])
def test_the_first_loss_on_its_own_text_is_the_one_computed_by_hand(long_term, baseline):
    student, reference = new_model(), new_model()
    run = distill_on_policy(
        student, TEACHER, TEXT, recipe=recipe(temperature=2, seed=3), length=LENGTH, prompt=3, long_term=long_term,
        baseline=baseline,
    )  # fmt: skip
    record = next(run)
    generator = torch.Generator().manual_seed(3)
    places = torch.randint(len(TEXT) - LENGTH + 1, (4, 1), generator=generator) + torch.arange(LENGTH)
    torch.rand((), generator=generator)
    ids = generate(reference, TEXT[places][:, :3], 5, generator=generator)
    with evaluating(reference):
        z, v = reference(ids).double(), TEACHER(ids).double()
    total, ahead = 0.0, {}
    for n, i in itertools.product(range(4), range(3, LENGTH)):
        log_q, log_p = (x[n, i - 1].div(2).log_softmax(-1) for x in (z, v))
        total += 4 * (log_q.exp() * (log_q - log_p)).sum().item() / 20
        ahead[n, i] = 0.0
        for j in range(i + 1, LENGTH):
            ahead[n, i] += (v[n, j - 1].log_softmax(-1) - z[n, j - 1].log_softmax(-1))[ids[n, j]].item()
    for (n, i), gains in ahead.items():
        others = sum(ahead[m, i] for m in range(4) if m != n) / 3 if baseline else 0.0
        total -= long_term * (gains - others) * z[n, i - 1].log_softmax(-1)[ids[n, i]].item() / 20
    assert record["loss"] == pytest.approx(total, rel=1e-4)
    assert record["temperature"] == 2 and record["alpha"] == 0


@pytest.mark.parametrize("long_term", [0.0, 0.3])
def test_the_seed_decides_a_run_on_its_own_text_and_the_teacher_stays_as_it_is(long_term):
    teacher, before = opinionated().train(), torch.get_rng_state()
    models = [new_model(dropout=0.2) for _ in range(3)]
    results = []
    for model, seed in zip(models, (1, 1, 2), strict=True):
        settings_now = recipe(seed=seed, steps=5)
        results.append(
            list(
                distill_on_policy(
                    model, teacher, TEXT, recipe=settings_now, length=LENGTH, prompt=2, long_term=long_term
                )
            )
        )
    assert results[0] == results[1] != results[2] and same(*models[:2]) and not same(models[0], models[2])
    assert torch.equal(torch.get_rng_state(), before)
    assert same(teacher, TEACHER) and all(p.grad is None for p in teacher.parameters())
    assert all(module.training for module in teacher.modules())


def test_on_its_own_text_it_comes_closer_to_the_teacher():
    student = new_model()
    _, before = windows_seen(1.0, steps=1)
    settings_now = recipe(steps=80, learning_rate=0.02)
    records = list(distill_on_policy(student, TEACHER, TEXT, recipe=settings_now, length=LENGTH, prompt=3))
    late = sum(record["loss"] for record in records[-20:]) / 20
    assert late < 0.3 * before[0]["loss"]


# --- prompts of any length, ends, other teachers ---------------------------------------------------

PROMPTS = [torch.tensor(ids) for ids in ([1, 2], [3], [4, 0, 1, 2], [5, 5, 5])]
REPLIES = [torch.tensor(ids) for ids in ([3, 4, 1], [2, 2, 2, 2, 2], [1, 0, 0], [0])]


def prompted(**options):
    options = {"student": new_model(), "teacher": TEACHER, "recipe": recipe(), "length": LENGTH} | options
    return distill_on_policy(options.pop("student"), options.pop("teacher"), PROMPTS, **options)


def test_it_reads_prompts_of_any_length_and_its_own_answers():
    student = Reads()
    list(prompted(student=student, recipe=recipe(steps=20)))
    begun = {tuple(prompt.tolist()): 0 for prompt in PROMPTS}
    for row in (row for batch in student.seen for row in batch.tolist()):
        mine = [own for own in begun if tuple(row[: len(own)]) == own]
        assert mine
        for own in mine:
            begun[own] += 1
    assert min(begun.values()) > 5


@pytest.mark.parametrize("on_policy", [0.0, 1.0])
@pytest.mark.parametrize("end", [None, 2])
def test_the_loss_of_unequal_answers_is_the_mean_over_the_tokens_that_count(on_policy, end):
    student, reference, seen = new_model(), new_model(), []
    run = prompted(student=student, answers=REPLIES, on_policy=on_policy, end=end, long_term=0.5, recipe=recipe(seed=4))
    record = next(run)
    generator = torch.Generator().manual_seed(4)
    chosen = torch.randint(4, (4,), generator=generator).tolist()
    torch.rand((), generator=generator)
    prompts = [PROMPTS[n] for n in chosen]
    if on_policy:
        ids, counts = answer(reference, prompts, LENGTH, end=end, generator=generator)
        rows = [(row[mine | (torch.arange(len(row)) < len(prompt))], len(prompt))
                for row, mine, prompt in zip(ids, counts, prompts, strict=True)]  # fmt: skip
    else:
        rows = [(torch.cat([PROMPTS[n], REPLIES[n]])[:LENGTH], len(PROMPTS[n])) for n in chosen]
    values, ahead = [], []
    for ids, start in rows:
        own = ids.tolist()
        stop = next((i + 1 for i in range(start, len(own)) if own[i] == end), len(own))
        with evaluating(reference):
            z, v = (model(ids[None, :stop])[0].double().log_softmax(-1) for model in (reference, TEACHER))
        gains = {i: (v[i - 1, own[i]] - z[i - 1, own[i]]).item() for i in range(start, stop)}
        ahead.append({i: (sum(gains[j] for j in gains if j > i), z[i - 1, own[i]].item()) for i in gains})
        values += [(z[i - 1].exp() * (z[i - 1] - v[i - 1])).sum().item() for i in gains]
        seen.append(stop - start)
    total = sum(values)
    if on_policy:
        for n, own in enumerate(ahead):
            for i, (later, log_q) in own.items():
                others = [other[i][0] for m, other in enumerate(ahead) if m != n and i in other]
                total -= 0.5 * (later - sum(others) / max(1, len(others))) * log_q
    assert len(set(seen)) > 1 and record["loss"] == pytest.approx(total / len(values), rel=1e-4)


def test_what_stands_after_the_end_teaches_nothing():
    longer = [torch.cat([reply[:2], torch.tensor([0]), reply]) for reply in REPLIES]
    cut = [reply[: reply.tolist().index(0) + 1] for reply in longer]
    found = [
        [record["loss"] for record in prompted(answers=answers, on_policy=0, end=end)]
        for answers, end in ((longer, 0), (cut, None), (longer, None))
    ]
    assert found[0] == pytest.approx(found[1], abs=1e-5) and found[0] != pytest.approx(found[2], abs=1e-2)


class Output(dict):
    """What models of `transformers` return."""


@pytest.mark.parametrize("wrap", [lambda ids: TEACHER(ids), lambda ids: Output(logits=TEACHER(ids))])
def test_any_function_may_be_the_teacher(wrap):
    models = [new_model(), new_model()]
    for model, teacher in zip(models, (TEACHER, wrap), strict=True):
        list(prompted(student=model, teacher=teacher, long_term=0.2))
    assert same(*models)


def test_a_student_learns_from_a_rule_to_stop_and_what_comes_next():
    """The rule: each token is the one before plus 1, and 5 is the end; it knows so after anything a student writes."""

    def rule(ids):
        return F.one_hot((ids + 1).clamp(max=5), VOCABULARY).float() * 6

    student = new_model(width=16)
    prompts = [torch.tensor([0]), torch.tensor([1]), torch.tensor([0, 1, 2])]
    options = {"recipe": recipe(steps=150, learning_rate=0.02, batch_size=8), "length": 12, "end": 5}
    list(distill_on_policy(student, rule, prompts, divergence=kl_divergence_core, **options))
    ids, written = answer(student, prompts, 12, temperature=0, end=5)
    for row, own, prompt in zip(ids, written, prompts, strict=True):
        assert row[own].tolist() == list(range(int(prompt[-1]) + 1, 6))


# --- errors, before anything is computed ----------------------------------------------------------

CACHE = top_k_cache(LOGITS, 2)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"text": TEXT.tolist()}, "tensor of ids"),
        ({"text": TEXT[None]}, "tensor of ids"),
        ({"text": TEXT.float()}, "tensor of ids"),
        ({"text": TEXT.int()}, "tensor of ids"),
        ({"text": TEXT[:LENGTH]}, "8 tokens, at least 9"),
        ({"text": TEXT + 1}, "the model knows 0 to 5"),
        ({"length": 17}, "more than the model's context of 16"),
        ({"length": 0}, "length must be a whole number"),
        ({"teacher": LOGITS[:-1]}, r"teacher must be logits of shape \(120, 6\)"),
        ({"teacher": LOGITS[:, :5]}, r"teacher must be logits of shape \(120, 6\)"),
        ({"teacher": TEACHER}, "teacher must be logits .* or a TokenCache: LanguageModel"),
        ({"teacher": LOGITS * math.nan}, "NaN or infinite"),
        ({"teacher": TokenCache(CACHE.ids[1:], CACHE.weights[1:])}, "the cache holds 119 places"),
        ({"teacher": TokenCache(CACHE.ids + 6, CACHE.weights)}, "the student knows 0 to 5"),
        ({"teacher": CACHE, "recipe": recipe(temperature=2)}, "temperature=1"),
        ({"teacher": CACHE, "recipe": recipe(changes={3: {"temperature": 4}})}, "temperature=1"),
        ({"mask": torch.ones(5, dtype=torch.bool)}, "mask must be"),
        ({"mask": torch.ones(len(TEXT))}, "mask must be"),
        ({"mask": [True] * len(TEXT)}, "mask must be"),
        ({"mask": torch.arange(len(TEXT)) == len(TEXT) - 1}, "mask must be"),
        ({"recipe": {"steps": 3}}, "recipe must be a Recipe"),
        ({"student": lambda ids: ids}, "student must be a torch module"),
        ({"evaluate": 3}, "evaluate must be a function"),
        ({"teacher": CACHE, "rest": "forget"}, "rest must be one of 'bucket'"),
        ({"evaluate_every": 0}, "evaluate_every"),
    ],
)
def test_bad_input_is_refused_when_a_run_is_called(changes, words):
    good = {"student": new_model(), "text": TEXT, "teacher": LOGITS, "recipe": recipe(), "length": LENGTH}
    with pytest.raises(ValueError, match=words):
        train_language_model(**(good | changes))


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"text": TEXT[:4]}, "4 tokens, at least 8"),
        ({"text": TEXT + 1}, "the model knows 0 to 5"),
        ({"teacher": new_model(vocabulary=7)}, "the student knows 6 tokens, the teacher 7"),
        ({"teacher": new_model(context=5)}, "more than the model's context of 5"),
        ({"student": new_model(context=5)}, "more than the model's context of 5"),
        ({"prompt": 0}, "prompt must be a whole number, at least 1"),
        ({"prompt": LENGTH}, "length must be a whole number, at least 9"),
        ({"on_policy": 1.5}, "on_policy must be in"),
        ({"on_policy": math.nan}, "on_policy must be in"),
        ({"long_term": -1}, "long_term must be a finite number, at least 0"),
        ({"recipe": recipe(alpha=0.1)}, "alpha=0"),
        ({"recipe": recipe(changes={2: {"alpha": 0.5}})}, "alpha=0"),
        ({"evaluate_every": 0}, "evaluate_every"),
    ],
)
def test_bad_input_is_refused_when_distillation_on_policy_is_called(changes, words):
    good = {"student": new_model(), "teacher": TEACHER, "text": TEXT, "recipe": recipe(), "length": LENGTH, "prompt": 3}
    with pytest.raises(ValueError, match=words):
        distill_on_policy(**(good | changes))


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"text": []}, "prompts must be a list"),
        ({"text": [[1, 2]]}, "prompt 0 must be a tensor of ids"),
        ({"text": [PROMPTS[0], TEXT[:0]]}, "prompt 1 must be a tensor of ids, .* not empty"),
        ({"text": [TEXT[:8]]}, "prompt 0 has 8 tokens: a length of 8 leaves no room"),
        ({"text": [PROMPTS[0] + 9]}, "the model knows the ids from 0 to 5"),
        ({"length": 18}, "length of 18 is too long .* 17 at most"),
        ({"length": 17, "teacher": new_model(context=9)}, "more than the model's context of 9"),
        ({"on_policy": 0.5}, "some steps need given answers"),
        ({"answers": REPLIES[:2]}, "one for each of the 4 prompts: got 2"),
        ({"answers": [TEXT[:0]] * 4}, "at least 1"),
        ({"text": TEXT, "answers": REPLIES}, "answers belong to a list of prompts"),
        ({"end": 6}, "end, the id that ends an answer, must be a whole number from 0 to 5"),
        ({"teacher": LOGITS}, "teacher must be a model, or a function"),
        ({"long_term": 1, "recipe": recipe(batch_size=1)}, "batch_size must be at least 2"),
    ],
)
def test_bad_prompts_answers_and_teachers_are_refused_when_it_is_called(changes, words):
    good = {"student": new_model(), "teacher": TEACHER, "text": PROMPTS, "recipe": recipe(), "length": LENGTH}
    with pytest.raises(ValueError, match=words):
        distill_on_policy(**(good | changes))


@pytest.mark.parametrize(
    ("teacher", "words"),
    [
        (lambda ids: torch.zeros(*ids.shape, 7), r"must return logits \(4, \d, 6\).* got \(4, \d, 7\)"),
        (lambda ids: torch.full((*ids.shape, 6), -math.inf), "give such a token a low logit"),
        (lambda ids: (torch.zeros(*ids.shape, 6),), "let its forward return the logits alone"),
    ],
)
def test_a_teacher_whose_answer_is_no_use_is_named_at_the_first_step(teacher, words):
    with pytest.raises(ValueError, match=words):
        next(prompted(teacher=teacher))


def test_bad_texts_are_refused_when_a_model_looks_at_them():
    with pytest.raises(ValueError, match="at least 2"):
        bits_per_character(TEACHER, TEXT[:1])
    for text in (TEXT.tolist(), TEXT[None], TEXT[:0], TEXT + 1):
        with pytest.raises(ValueError, match="a text must be|at least 1|the model knows"):
            predict_text(TEACHER, text)
    for length in (1, 2.0, 17):
        with pytest.raises(ValueError, match="length|context"):
            predict_text(TEACHER, TEXT, length)


def test_a_temperature_changed_on_the_way_is_refused_with_a_cache():
    settings_now, student = recipe(), new_model().eval()
    run = train_language_model(student, TEXT, CACHE, recipe=settings_now, length=LENGTH)
    next(run)
    settings_now.change(1, temperature=3)
    with pytest.raises(ValueError, match="temperature 1"):
        next(run)
    check_usable(student, False)


def test_no_gradient_flows_into_teacher_logits():
    logits = LOGITS.clone().requires_grad_()
    list(train_language_model(new_model(), TEXT, logits, recipe=recipe(steps=3), length=LENGTH))
    assert logits.grad is None
