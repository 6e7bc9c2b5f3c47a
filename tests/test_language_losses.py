"""The losses of language models against slow references, and their properties; what writes always the same."""

import itertools
import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional as F

from kdlab import losses
from kdlab.losses import policy_gradient_loss, sampled_cross_entropy, top_k_divergence
from kdlab.metrics import distinct_n
from kdlab.models import LanguageModel

quick = settings(max_examples=25, deadline=None)
seeds = st.integers(0, 2**31)
temperatures = st.floats(0.3, 20)
KL, REVERSE, JS = losses.kl_divergence, losses.reverse_kl_divergence, losses.jensen_shannon_divergence
RESTS = list(losses.RESTS)


def draw(*shape, seed=0, scale=2.0):
    return torch.randn(*shape, dtype=torch.double, generator=torch.Generator().manual_seed(seed)) * scale


def draw_ids(*shape, vocabulary, seed=0):
    return torch.randint(vocabulary, shape, generator=torch.Generator().manual_seed(seed))


def softmax(logits):
    weights = [math.exp(z - max(logits)) for z in logits]
    return [weight / sum(weights) for weight in weights]


def top_k(teacher, k, temperature=1.0):
    """The ids of the k largest, in no particular order, and their log-probabilities."""
    ids = teacher.topk(k).indices.flip(-1)
    return ids, (teacher / temperature).log_softmax(-1).gather(-1, ids)


# --- a teacher of which k tokens are known --------------------------------------------------------


def top_k_reference(student, ids, log_p, rest, temperature):
    """One token at a time, lists of floats."""
    values = []
    for z, kept, own in zip(student.tolist(), ids.tolist(), log_p.tolist(), strict=True):
        q = softmax([value / temperature for value in z])
        p = [math.exp(value) for value in own]
        if rest.startswith("renormalise"):
            p = [value / sum(p) for value in p]
        whole = sum(q[token] for token in kept) if rest == "renormalise both" else 1.0
        value = sum(a * math.log(a * whole / q[token]) for a, token in zip(p, kept, strict=True))
        if rest == "bucket" and len(kept) < len(q):
            others = sum(q[token] for token in range(len(q)) if token not in kept)
            value += (1 - sum(p)) * math.log((1 - sum(p)) / others)
        values.append(value)
    return sum(values) / len(values)


@quick
@given(seeds, st.integers(1, 8), st.sampled_from(RESTS), temperatures)
def test_top_k_against_a_loop(seed, k, rest, temperature):
    student, teacher = draw(6, 8, seed=seed), draw(6, 8, seed=seed + 1)
    ids, log_p = top_k(teacher, k, temperature)
    found = top_k_divergence(student, ids, log_p, rest=rest, temperature=temperature)
    assert found.item() == pytest.approx(top_k_reference(student, ids, log_p, rest, temperature), abs=1e-9)
    shaped = [tensor.reshape(2, 3, -1) for tensor in (student, ids, log_p)]
    assert torch.allclose(top_k_divergence(*shaped, rest=rest, temperature=temperature), found)


@quick
@given(seeds, temperatures)
def test_the_bucket_never_exceeds_the_full_kl_grows_with_k_and_reaches_it(seed, temperature):
    student, teacher = draw(5, 8, seed=seed), draw(5, 8, seed=seed + 1)
    full = KL(student, teacher, temperature=temperature).item()
    values = [
        top_k_divergence(student, *top_k(teacher, k, temperature), temperature=temperature).item() for k in range(1, 9)
    ]
    assert all(a <= b + 1e-12 for a, b in itertools.pairwise(values)) and values[0] >= -1e-12
    assert values[-1] == pytest.approx(full, abs=1e-9) and values[-2] == pytest.approx(full, abs=1e-9)


@quick
@given(seeds, st.sampled_from(RESTS), temperatures)
def test_all_tokens_known_is_the_kl_with_its_gradient(seed, rest, temperature):
    student, teacher = draw(4, 6, seed=seed).requires_grad_(), draw(4, 6, seed=seed + 1)
    found = top_k_divergence(student, *top_k(teacher, 6, temperature), rest=rest, temperature=temperature)
    full = KL(student, teacher, temperature=temperature)
    assert found.item() == pytest.approx(full.item(), abs=1e-9)
    gradients = [torch.autograd.grad(loss, student)[0] for loss in (found, full)]
    assert torch.allclose(*gradients, atol=1e-10)


@quick
@given(seeds, st.integers(1, 5))
def test_dropping_is_renormalising_times_the_kept_mass(seed, k):
    """sum p log(p / q) = m KL(p' || q) + m log m for each token, m the kept mass: the gradients are proportional."""
    student, teacher = draw(1, 6, seed=seed).requires_grad_(), draw(1, 6, seed=seed + 1)
    ids, log_p = top_k(teacher, k)
    mass = log_p.exp().sum().item()
    dropped, renormalised = (top_k_divergence(student, ids, log_p, rest=rest) for rest in ("drop", "renormalise"))
    assert dropped.item() == pytest.approx(mass * renormalised.item() + mass * math.log(mass), abs=1e-10)
    gradients = [torch.autograd.grad(loss, student)[0] for loss in (dropped, renormalised)]
    assert torch.allclose(gradients[0], mass * gradients[1], atol=1e-12)


def test_where_gradient_descent_ends():
    """The bucket finds the kept probabilities, "renormalise both" their ratios; the others are certain of the kept tokens."""
    teacher = torch.tensor([[2.0, 1.0, 0.0, -1.0]], dtype=torch.double)
    p, (ids, log_p) = teacher.softmax(-1)[0], top_k(teacher, 2)
    for rest in RESTS:
        z = torch.zeros(1, 4, dtype=torch.double, requires_grad=True)
        for _ in range(250):
            z = (
                (z - 4 * torch.autograd.grad(top_k_divergence(z, ids, log_p, rest=rest), z)[0])
                .detach()
                .requires_grad_()
            )
        q = z.softmax(-1)[0].detach()
        if rest == "bucket":
            assert torch.allclose(q[:2], p[:2], atol=1e-6)
            assert torch.allclose(q[2:], (1 - p[:2].sum()) / 2, atol=1e-6)  # as even as it was
        elif rest == "renormalise both":
            assert torch.allclose(q[:2] / q[:2].sum(), p[:2] / p[:2].sum(), atol=1e-6)
            assert z[0, 2:].abs().max() < 1e-9 and q[2:].sum() > 0.4  # of the others it has learned nothing
        else:
            assert torch.allclose(q[:2], p[:2] / p[:2].sum(), atol=0.01) and q[2:].sum() < 0.01


def test_dropping_may_be_negative():
    teacher = torch.zeros(1, 10, dtype=torch.double)
    ids, log_p = top_k(teacher, 3)
    student = torch.full((1, 10), -5.0, dtype=torch.double).scatter(1, ids, 5.0)
    assert top_k_divergence(student, ids, log_p, rest="drop") < -0.1
    assert top_k_divergence(student, ids, log_p, rest="bucket") > 0.1


def test_a_kept_probability_of_zero_is_allowed_and_single_precision_is_enough():
    student, teacher = draw(3, 5).float().requires_grad_(), draw(3, 5, seed=1).float()
    teacher[:, 0] = -300
    ids, log_p = top_k(teacher, 5)
    log_p = log_p.exp().log()
    assert log_p.isinf().any()
    for rest in RESTS:
        found = top_k_divergence(student, ids, log_p, rest=rest)
        assert found.item() == pytest.approx(KL(student, teacher).item(), rel=1e-5)
        assert torch.autograd.grad(found, student)[0].isfinite().all()
    certain = torch.tensor([[60.0, 0.0, 0.0]])  # all mass in one token: nothing is left for the bucket
    ids, log_p = top_k(certain, 1)
    z = torch.zeros(1, 3, requires_grad=True)
    loss = top_k_divergence(z, ids, log_p)
    assert loss.item() == pytest.approx(math.log(3)) and torch.autograd.grad(loss, z)[0].isfinite().all()


# --- a teacher of which tokens were drawn ---------------------------------------------------------


@quick
@given(seeds, st.integers(1, 6))
def test_sampled_cross_entropy_against_a_loop(seed, k):
    student, ids = draw(4, 5, seed=seed), draw_ids(4, k, vocabulary=5, seed=seed)
    weights = draw(4, k, seed=seed + 1).softmax(-1)
    expected = 0.0
    for z, tokens, own in zip(student.tolist(), ids.tolist(), weights.tolist(), strict=True):
        q = softmax(z)
        expected -= sum(weight * math.log(q[token]) for token, weight in zip(tokens, own, strict=True)) / 4
    assert sampled_cross_entropy(student, ids, weights).item() == pytest.approx(expected, abs=1e-10)


def test_one_draw_is_training_on_the_teachers_text_and_all_of_it_is_soft_cross_entropy():
    student, teacher = draw(6, 5), draw(6, 5, seed=1)
    tokens = draw_ids(6, vocabulary=5)
    one = sampled_cross_entropy(student, tokens[:, None], torch.ones(6, 1, dtype=torch.double))
    assert torch.allclose(one, F.cross_entropy(student, tokens))
    p = teacher.softmax(-1)
    everything = sampled_cross_entropy(student, torch.arange(5).expand(6, 5), p)
    assert torch.allclose(everything, F.cross_entropy(student, p))
    assert torch.allclose(everything, KL(student, teacher) + losses.entropy(teacher).mean())


# --- the part of the reverse KL that looks ahead --------------------------------------------------


def policy_gradient_reference(student, teacher, tokens, mask):
    """The value, and the gradient with regard to each logit, one text and one token at a time."""
    value, gradient, count = 0.0, torch.zeros_like(student), int(mask.sum())
    for n, (text, counts) in enumerate(zip(tokens.tolist(), mask.tolist(), strict=True)):
        qs, ps = ([softmax(row) for row in logits[n].tolist()] for logits in (student, teacher))
        for t in (t for t in range(len(text)) if counts[t]):
            later = [s for s in range(t + 1, len(text)) if counts[s]]
            reward = sum(math.log(ps[s][text[s]]) - math.log(qs[s][text[s]]) for s in later)
            value -= reward * math.log(qs[t][text[t]]) / count
            slopes = [-reward * ((token == text[t]) - q) / count for token, q in enumerate(qs[t])]
            gradient[n, t] = torch.tensor(slopes, dtype=torch.double)
    return value, gradient


@quick
@given(seeds, st.lists(st.booleans(), min_size=10, max_size=10).filter(any))
def test_policy_gradient_against_a_loop(seed, kept):
    student, teacher = draw(2, 5, 4, seed=seed).requires_grad_(), draw(2, 5, 4, seed=seed + 1).requires_grad_()
    tokens, mask = draw_ids(2, 5, vocabulary=4, seed=seed), torch.tensor(kept).reshape(2, 5)
    for own_mask in (mask, None):
        full = torch.ones_like(mask) if own_mask is None else own_mask
        value, gradient = policy_gradient_reference(student.detach(), teacher.detach(), tokens, full)
        loss = policy_gradient_loss(student, teacher, tokens, mask=own_mask)
        assert loss.item() == pytest.approx(value, abs=1e-9)
        found, none = torch.autograd.grad(loss, (student, teacher), allow_unused=True)
        assert torch.allclose(found, gradient, atol=1e-10) and none is None


@pytest.mark.parametrize("start", [[2], [1, 0]])
def test_with_the_single_step_part_its_expected_gradient_is_that_of_whole_texts(start):
    """Vocabulary 3, length 3: all 27 texts, weighted by the student's probability of writing them (MiniLLM, eq. 4)."""
    student, teacher = tiny(0), tiny(1)
    texts = torch.tensor([[*start, *new] for new in itertools.product(range(3), repeat=3)])
    first = len(start)
    weights = list(student.parameters())

    def along(model):
        """Logits [27, 3, vocabulary] of the new tokens, and the log-probability of each whole continuation."""
        logits = model(texts[:, :-1])[:, first - 1 :]
        return logits, logits.log_softmax(-1).gather(-1, texts[:, first:, None])[..., 0].sum(-1)

    logits, log_q = along(student)
    teacher_logits, log_p = along(teacher)
    assert torch.allclose(log_q.exp().sum(), torch.ones((), dtype=torch.double))
    exact = (log_q.exp() * (log_q - log_p.detach())).sum()
    exact_gradient = torch.autograd.grad(exact, weights, retain_graph=True)

    chances, single, both = log_q.exp().detach(), 0.0, 0.0
    for n, chance in enumerate(chances):
        step = chance * REVERSE(logits[n], teacher_logits[n].detach())
        single = single + step
        both = both + step + chance * policy_gradient_loss(logits[n], teacher_logits[n], texts[n, first:])
    single_gradient, both_gradient = (torch.autograd.grad(loss, weights, retain_graph=True) for loss in (single, both))
    assert exact.item() > 0.1
    assert single.item() == pytest.approx(exact.item() / 3, abs=1e-10)  # the values agree anyway: the chain rule of KL
    assert all(torch.allclose(3 * a, b, atol=1e-10) for a, b in zip(both_gradient, exact_gradient, strict=True))
    off = [(3 * a - b).abs().max() for a, b in zip(single_gradient, exact_gradient, strict=True)]
    assert max(off) > 0.01  # the single step alone is not the whole gradient


def tiny(seed):
    """A model of vocabulary 3 with opinions, in double precision."""
    model = LanguageModel(3, width=4, heads=1, layers=1, context=6, seed=seed).double()
    with torch.no_grad():
        model.tokens.weight.mul_(40)
    return model


def all_texts(student, teacher, start, length, end=None):
    """Every text of `length` tokens after a start: (logits, the teacher's, tokens, which count, log q, log p of the whole).

    With an `end`, a text that has ended goes on with 0, which does not count, and is one text.
    """
    new = [list(text) for text in itertools.product(range(3), repeat=length)]
    if end is not None:
        stops = [text.index(end) + 1 if end in text else length for text in new]
        new = [text for text, stop in zip(new, stops, strict=True) if not any(text[stop:])]
    tokens = torch.tensor(new)
    counts = torch.ones_like(tokens, dtype=torch.bool)
    if end is not None:
        ends = (tokens == end).int()
        counts = ends.cumsum(1) - ends == 0
    texts = torch.cat([torch.tensor(start).expand(len(new), -1), tokens], 1)
    logits = [model(texts[:, :-1])[:, len(start) - 1 :] for model in (student, teacher)]
    log_q, log_p = ((z.log_softmax(-1).gather(-1, tokens[..., None])[..., 0] * counts).sum(-1) for z in logits)
    assert torch.allclose(log_q.exp().sum(), torch.ones((), dtype=torch.double))
    return logits[0], logits[1].detach(), tokens, counts, log_q, log_p.detach()


@pytest.mark.parametrize("end", [None, 2])
def test_the_baseline_leaves_the_average_gradient_alone(end):
    """All pairs of texts of length 3, by their probability (27² of them without an end)."""
    student, teacher = tiny(0), tiny(1)
    logits, teacher_logits, tokens, counts, log_q, log_p = all_texts(student, teacher, [1, 0], 3, end)
    weights, chances = list(student.parameters()), log_q.exp().detach()
    exact = torch.autograd.grad((log_q.exp() * (log_q - log_p)).sum(), weights, retain_graph=True)
    exact = torch.cat([part.flatten() for part in exact])

    def gradient(chosen, baseline):
        given = logits[chosen], teacher_logits[chosen]
        loss = policy_gradient_loss(*given, tokens[chosen], baseline=baseline, mask=counts[chosen])
        loss = (
            (loss + REVERSE(*given, mask=counts[chosen])) * counts[chosen].sum() / len(chosen)
        )  # sums along each text
        return torch.cat([part.flatten() for part in torch.autograd.grad(loss, weights, retain_graph=True)])

    pairs = [list(pair) for pair in itertools.product(range(len(tokens)), repeat=2)]
    chance = torch.stack([chances[pair].prod() for pair in pairs])
    for baseline in (False, True):
        mean = chance @ torch.stack([gradient(pair, baseline) for pair in pairs])
        assert exact.norm() > 0.1 and torch.allclose(mean, exact, atol=1e-10)


def test_with_the_baseline_the_gradient_scatters_less():
    """Texts of 8 tokens, each drawn alike, and a teacher who likes one of the three: R is far below 0, whatever is drawn."""
    z, teacher = torch.zeros(8, 3, dtype=torch.double), torch.tensor([2.0, 0.0, -2.0], dtype=torch.double)
    tokens = draw_ids(200, 16, 8, vocabulary=3)
    scatter = {}
    for baseline in (False, True):
        found = []
        for batch in tokens:
            student = z.clone().requires_grad_()
            loss = policy_gradient_loss(student.expand(16, 8, 3), teacher.expand(16, 8, 3), batch, baseline=baseline)
            found.append(torch.autograd.grad(loss, student)[0])
        found = torch.stack(found)
        assert found.mean(0).abs().max() < 5 * (found.var(0).sum() / len(found)).sqrt()  # here the average is 0
        scatter[baseline] = found.square().sum().item()
    assert scatter[True] < 0.45 * scatter[False]  # 1.06 · 74 / 225 = 0.35 expected


def test_the_baseline_is_the_mean_of_the_others_that_count():
    student, teacher = draw(4, 3, 5), draw(4, 3, 5, seed=1)
    tokens, mask = draw_ids(4, 3, vocabulary=5), torch.tensor([[1, 1, 1], [1, 1, 0], [1, 0, 0], [1, 1, 0]]).bool()
    gains, own = (torch.zeros(4, 3, dtype=torch.double) for _ in range(2))
    for n, t in mask.nonzero().tolist():
        log_q, log_p = (x[n, t].log_softmax(-1)[tokens[n, t]] for x in (student, teacher))
        own[n, t], gains[n, t] = log_q, log_p - log_q
    expected = 0.0
    for n, t in mask.nonzero().tolist():
        later = {m: gains[m, t + 1 :].sum().item() for m in range(4) if mask[m, t]}
        mine = later.pop(n)
        expected -= (mine - (sum(later.values()) / len(later) if later else 0.0)) * own[n, t].item() / 8
    found = policy_gradient_loss(student, teacher, tokens, baseline=True, mask=mask)
    assert found.item() == pytest.approx(expected, abs=1e-10)
    shaped = (x.unflatten(0, (2, 2)) for x in (student, teacher, tokens))
    assert torch.allclose(policy_gradient_loss(*shaped, baseline=True, mask=mask.unflatten(0, (2, 2))), found)


def test_a_baseline_of_one_text_is_refused():
    for shape in ((1, 4), (4,)):
        with pytest.raises(ValueError, match="needs two texts or more"):
            policy_gradient_loss(draw(*shape, 5), draw(*shape, 5), draw_ids(*shape, vocabulary=5), baseline=True)


def test_a_token_that_leads_where_the_teacher_is_content_gains():
    logits = torch.zeros(1, 2, 2, dtype=torch.double, requires_grad=True)
    teacher = torch.tensor([[[0.0, 0.0], [3.0, -3.0]]], dtype=torch.double)
    for second, sign in ((0, 1), (1, -1)):
        loss = policy_gradient_loss(logits, teacher, torch.tensor([[0, second]]))
        gradient = torch.autograd.grad(loss, logits)[0][0]
        assert sign * -gradient[0, 0] > 0 and not gradient[1].any()  # nothing comes after the last token


# --- masks and lengths ----------------------------------------------------------------------------


def calls(student, teacher, ids, weights, tokens, mask=None):
    """Every loss here and the divergences, called with tensors (N, L, ...)."""
    yield from (divergence(student, teacher, mask=mask) for divergence in (KL, REVERSE, JS))
    yield from (top_k_divergence(student, ids, weights.log(), rest=rest, mask=mask) for rest in RESTS)
    yield sampled_cross_entropy(student, ids, weights, mask=mask)
    yield losses.cross_entropy(student, tokens, mask=mask)


def arguments(seed, count, length):
    student, teacher = draw(count, length, 7, seed=seed), draw(count, length, 7, seed=seed + 1)
    ids, log_p = top_k(teacher, 3)
    return student, teacher, ids, log_p.exp(), draw_ids(count, length, vocabulary=7, seed=seed)


@quick
@given(seeds, st.lists(st.booleans(), min_size=8, max_size=8).filter(any))
def test_a_mask_is_the_same_as_leaving_the_rest_out_whatever_stands_there(seed, kept):
    mask = torch.tensor(kept).reshape(2, 4)
    tensors = arguments(seed, 2, 4)
    alone = list(calls(*(tensor[mask][None] for tensor in tensors)))
    for tensor, junk in zip(tensors, (math.nan, math.inf, -100, math.nan, -100), strict=True):
        tensor[~mask] = junk
    tensors[0].requires_grad_()
    masked = list(calls(*tensors, mask=mask))
    assert all(torch.allclose(a, b, atol=1e-12) for a, b in zip(masked, alone, strict=True))
    gradient = torch.autograd.grad(sum(masked), tensors[0])[0]
    assert gradient.isfinite().all() and not gradient[~mask].any()


@quick
@given(seeds, st.integers(0, 4), st.integers(0, 3))
def test_a_masked_prompt_and_end_are_as_if_they_were_not_there(seed, before, after):
    student, teacher = draw(2, 8, 5, seed=seed), draw(2, 8, 5, seed=seed + 1)
    tokens, mask = draw_ids(2, 8, vocabulary=5, seed=seed), torch.zeros(2, 8, dtype=torch.bool)
    inside = slice(before, 8 - after)
    mask[:, inside] = True
    alone = policy_gradient_loss(student[:, inside], teacher[:, inside], tokens[:, inside])
    student[~mask], teacher[~mask], tokens[~mask] = math.nan, math.inf, -100
    student.requires_grad_()
    masked = policy_gradient_loss(student, teacher, tokens, mask=mask)
    assert torch.allclose(masked, alone, atol=1e-12)
    gradient = torch.autograd.grad(masked, student)[0]
    assert gradient.isfinite().all() and not gradient[~mask].any()


@quick
@given(seeds, st.integers(2, 4))
def test_the_same_tokens_again_leave_every_mean_as_it_is(seed, times):
    tensors = arguments(seed, 2, 3)
    longer = [tensor.repeat(1, times, *[1] * (tensor.ndim - 2)) for tensor in tensors]
    more = [tensor.repeat(times, *[1] * (tensor.ndim - 1)) for tensor in tensors]
    for once, long, often in zip(calls(*tensors), calls(*longer), calls(*more), strict=True):
        assert torch.allclose(once, long, atol=1e-12) and torch.allclose(once, often, atol=1e-12)
    student, teacher, _, _, tokens = tensors
    several = [tensor.repeat(times, *[1] * (tensor.ndim - 1)) for tensor in (student, teacher, tokens)]
    assert torch.allclose(policy_gradient_loss(student, teacher, tokens), policy_gradient_loss(*several), atol=1e-12)


# --- the size of a language model -----------------------------------------------------------------


@pytest.fixture(scope="module")
def large():
    """Logits of 6 places over SmolLM2's vocabulary in bfloat16; 200 tokens are banned, the table is padded by 100 rows."""
    student, teacher = (draw(2, 3, 49_152, seed=seed, scale=3.0) for seed in (0, 1))
    labels = draw_ids(2, 3, vocabulary=49_000)
    never = torch.zeros(49_152, dtype=torch.bool)
    never[draw_ids(200, vocabulary=49_052, seed=2)] = True
    never[-100:] = True
    never[labels] = False
    return student.bfloat16(), teacher.bfloat16(), labels, never


@pytest.mark.parametrize("banned", [False, True])
@pytest.mark.parametrize("temperature", [1.0, 20.0])
def test_at_the_size_of_a_language_model_in_bfloat16(large, banned, temperature):
    """JSD came out negative here, and the distillation loss as 5.94 for 9.64, when losses were computed in bfloat16."""
    student, teacher, labels, never = large
    if banned:
        student, teacher = (x.masked_fill(never, -math.inf) for x in (student, teacher))
    few = [x[..., ~never] if banned else x for x in (student.double(), teacher.double())]
    places = (~never).cumsum(0)[labels] - 1 if banned else labels
    options = {"temperature": temperature}
    for divergence in (KL, REVERSE, JS, lambda q, p, **o: JS(q, p, beta=0.01, **o)):
        found, exact = divergence(student, teacher, **options), divergence(*few, **options)
        assert found.item() == pytest.approx(exact.item(), rel=1e-4) and found >= 0
        assert divergence(student, student, **options).item() == pytest.approx(0, abs=1e-6)
    for alpha in (0.0, 0.5):
        found = losses.distillation_loss(student, teacher, labels, **options, alpha=alpha)
        exact = losses.distillation_loss(*few, places, **options, alpha=alpha)
        assert found.item() == pytest.approx(exact.item(), rel=1e-4)
    student = student.clone().requires_grad_()
    gradient = torch.autograd.grad(losses.distillation_loss(student, teacher, labels, **options, alpha=0.5), student)[0]
    assert gradient.isfinite().all() and (not banned or not gradient[..., never].any())


def test_close_to_its_teacher_a_jsd_in_bfloat16_is_not_negative(large):
    _, teacher, _, _ = large
    near = (teacher.double() + draw(2, 3, 49_152, seed=5, scale=0.05)).bfloat16()
    for beta in (0.01, 0.1, 0.5, 0.9, 0.99):
        found = JS(near, teacher, beta=beta, temperature=20)
        assert found > 0
        assert found.item() == pytest.approx(
            JS(near.double(), teacher.double(), beta=beta, temperature=20).item(), rel=0.05
        )


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float32])
def test_causal_attention_maps_in_half_precision(dtype):
    student, teacher = (draw(2, 3, 9, 9, seed=seed).to(dtype) for seed in (0, 1))
    later = torch.ones(9, 9, dtype=torch.bool).triu(1)
    causal = [x.masked_fill(later, -math.inf) for x in (student, teacher)]
    pairs = ~later
    squares = (student.double() - teacher.double())[..., pairs].square().mean()
    assert losses.attention_mse_loss(*causal).item() == pytest.approx(squares.item(), rel=1e-4)
    by_hand = []
    for i in range(9):
        q, p = (x[..., i, : i + 1].double().log_softmax(-1) for x in (student, teacher))
        by_hand.append((p.exp() * (p - q)).sum(-1))
    found = losses.attention_kl_loss(*causal)
    assert found.item() == pytest.approx(torch.stack(by_hand).mean().item(), rel=1e-4) and found >= 0


# --- the ends of the generalised Jensen-Shannon divergence ----------------------------------------


@pytest.mark.parametrize("beta", [0, 1, 0.0, 1.0])
def test_the_core_of_the_js_is_zero_at_both_ends_and_so_is_its_gradient(beta):
    student = draw(3, 6).requires_grad_()
    value = losses.jensen_shannon_divergence_core(student, draw(3, 6, seed=1), beta=beta)
    assert value.item() == pytest.approx(0, abs=1e-12)
    assert torch.autograd.grad(value, student)[0].abs().max() < 1e-12


@quick
@given(seeds, st.floats(0.05, 0.95))
def test_js_of_swapped_arguments_swaps_beta(seed, beta):
    student, teacher = draw(3, 6, seed=seed), draw(3, 6, seed=seed + 1)
    assert torch.allclose(JS(student, teacher), JS(teacher, student), atol=1e-12)
    assert torch.allclose(JS(student, teacher, beta=beta), JS(teacher, student, beta=1 - beta), atol=1e-12)


@quick
@given(seeds)
def test_js_goes_to_zero_at_both_ends_and_divided_by_beta_to_a_kl(seed):
    """So with GKD's convention, KL at beta = 0 and reverse KL at beta = 1, the loss jumps there."""
    student, teacher = draw(3, 6, seed=seed, scale=1), draw(3, 6, seed=seed + 1, scale=1)
    forward, reverse = KL(student, teacher), REVERSE(student, teacher)
    for beta, kl in ((1e-6, forward), (1 - 1e-6, reverse)):
        value, small = JS(student, teacher, beta=beta), min(beta, 1 - beta)
        assert value <= 2 * small * kl and kl > 0.05
        assert (value / (beta * (1 - beta))).item() == pytest.approx(kl.item(), rel=1e-3)
    middle = [JS(student, teacher, beta=beta / 100).item() for beta in range(1, 100)]
    assert max(abs(a - b) for a, b in itertools.pairwise(middle)) < 0.1 * max(forward, reverse)  # no jump in between


@quick
@given(seeds)
def test_the_gradient_of_js_shrinks_in_the_same_way(seed):
    student, teacher = draw(3, 6, seed=seed, scale=1).requires_grad_(), draw(3, 6, seed=seed + 1, scale=1)
    for beta, kl in ((1e-6, KL), (1 - 1e-6, REVERSE)):
        small, full = (
            torch.autograd.grad(loss, student)[0] for loss in (JS(student, teacher, beta=beta), kl(student, teacher))
        )
        assert torch.allclose(small / min(beta, 1 - beta), full, atol=1e-4)


# --- cores and errors -----------------------------------------------------------------------------


def test_each_core_gives_exactly_what_the_checked_function_gives():
    student, teacher, ids, weights, tokens = arguments(0, 2, 4)
    for rest in RESTS:
        options = {"rest": rest, "temperature": 2.0}
        core = losses.top_k_divergence_core(student, ids, weights.log(), **options)
        assert top_k_divergence(student, ids, weights.log(), **options) == core
    assert sampled_cross_entropy(student, ids, weights) == losses.sampled_cross_entropy_core(student, ids, weights)
    mask = tokens > 1
    core = losses.policy_gradient_loss_core(student, teacher, tokens, mask=mask)
    assert policy_gradient_loss(student, teacher, tokens, mask=mask) == core


def test_no_gradient_flows_into_the_teacher_and_arguments_stay_as_they_are():
    tensors = arguments(0, 2, 4)
    copies = [tensor.clone() for tensor in tensors]
    student, teacher, ids, weights, tokens = tensors
    weights.requires_grad_(), teacher.requires_grad_()
    for rest in RESTS:
        assert not top_k_divergence(student, ids, weights.log(), rest=rest).requires_grad
    assert not sampled_cross_entropy(student, ids, weights).requires_grad
    assert not policy_gradient_loss(student, teacher, tokens).requires_grad
    list(calls(*tensors, mask=tokens > 0))
    assert all(torch.equal(a, b) for a, b in zip(tensors, copies, strict=True))


STUDENT, TEACHER, IDS, WEIGHTS, TOKENS = arguments(3, 2, 4)
LOG_P = WEIGHTS.log()


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: top_k_divergence(STUDENT, IDS, LOG_P, rest="forget"), "rest must be one of 'bucket'"),
        (lambda: top_k_divergence(STUDENT, IDS, LOG_P, temperature=0), "temperature"),
        (lambda: top_k_divergence(STUDENT, IDS, WEIGHTS), "logarithms of probabilities"),
        (lambda: top_k_divergence(STUDENT, IDS, LOG_P * math.nan), "logarithms of probabilities"),
        (lambda: top_k_divergence(STUDENT, IDS, LOG_P - math.inf), "logarithms of probabilities"),
        (lambda: top_k_divergence(STUDENT, IDS[..., :1].expand(2, 4, 3), LOG_P), "stands twice"),
        (lambda: top_k_divergence(STUDENT, IDS[:, :3], LOG_P[:, :3]), "same shape but for the last dimension"),
        (lambda: top_k_divergence(STUDENT, IDS + 5, LOG_P), "ids must be from 0 to 6"),
        (lambda: top_k_divergence(STUDENT, IDS.float(), LOG_P), "ids must be a tensor int64"),
        (lambda: top_k_divergence(STUDENT, IDS, LOG_P[..., :2]), "log_probabilities must be .* of the shape of ids"),
        (lambda: top_k_divergence(STUDENT * math.nan, IDS, LOG_P), "NaN or infinite"),
        (lambda: top_k_divergence(STUDENT, IDS, LOG_P, mask=TOKENS), "mask must be a boolean tensor"),
        (lambda: top_k_divergence(STUDENT, IDS, LOG_P, mask=TOKENS > 9), "mask is False everywhere"),
        (lambda: sampled_cross_entropy(STUDENT, IDS, -WEIGHTS), "weights must be finite and not negative"),
        (lambda: sampled_cross_entropy(STUDENT, IDS, WEIGHTS * math.inf), "weights must be finite and not negative"),
        (lambda: sampled_cross_entropy(STUDENT, IDS - 7, WEIGHTS), "ids must be from 0 to 6"),
        (lambda: sampled_cross_entropy(STUDENT, IDS, WEIGHTS.tolist()), "weights must be a floating-point tensor"),
        (lambda: policy_gradient_loss(STUDENT, TEACHER[:1], TOKENS), "same shape"),
        (lambda: policy_gradient_loss(STUDENT, TEACHER, TOKENS[:, :3]), "tokens must be a tensor"),
        (lambda: policy_gradient_loss(STUDENT, TEACHER, TOKENS.tolist()), "tokens must be a tensor"),
        (lambda: policy_gradient_loss(STUDENT, TEACHER, TOKENS + 5), "from 0 to 6"),
        (lambda: policy_gradient_loss(STUDENT, TEACHER, TOKENS * 1.0), "whole numbers"),
        (lambda: policy_gradient_loss(STUDENT[0, 0], TEACHER[0, 0], TOKENS[0, 0]), r"\(\.\.\., L, vocabulary\)"),
        (lambda: policy_gradient_loss(STUDENT, TEACHER, TOKENS, mask=TOKENS > 9), "mask is False everywhere"),
        (lambda: policy_gradient_loss(STUDENT, TEACHER, TOKENS, mask=(TOKENS > 1)[0]), "mask"),
    ],
)
def test_bad_arguments_are_refused(call, words):
    with pytest.raises(ValueError, match=words):
        call()


# --- distinct n-grams -----------------------------------------------------------------------------


def test_distinct_n_by_hand():
    texts = [[1, 2, 1, 2], [1, 2, 3]]
    assert distinct_n(texts, 1) == 3 / 7
    assert distinct_n(texts, 2) == 3 / 5  # 12, 21, 12 and 12, 23
    assert distinct_n(texts, 3) == 3 / 3
    assert distinct_n(texts, 4) == 1  # the shorter text has none
    assert distinct_n(["to be or not to be".split()], 1) == 4 / 6
    assert distinct_n(["abab"], 2) == 2 / 3  # a text as characters
    assert distinct_n(torch.tensor([[1, 2, 1, 2]]), 2) == distinct_n([torch.tensor([1, 2, 1, 2])], 2) == 2 / 3


@quick
@given(st.lists(st.lists(st.integers(0, 4), max_size=9), min_size=1, max_size=4), st.integers(1, 3))
def test_distinct_n_against_a_loop_and_in_any_order(texts, n):
    grams = []
    for text in texts:
        for start in range(len(text)):
            if start + n <= len(text):
                grams.append("-".join(map(str, text[start : start + n])))
    if not grams:
        with pytest.raises(ValueError, match="no text has"):
            distinct_n(texts, n)
        return
    assert distinct_n(texts, n) == distinct_n(texts[::-1], n) == len(set(grams)) / len(grams)
    assert distinct_n(texts + texts, n) == pytest.approx(distinct_n(texts, n) / 2)


@pytest.mark.parametrize(
    ("texts", "n", "words"),
    [([[1, 2]], 0, "n must be"), ([[1, 2]], 1.0, "n must be"), ([[1, 2]], True, "n must be"), ([[1]], 2, "no 2-gram"),
     ([], 1, "no 1-gram"), ("call me ishmael", 1, "list of texts"), ([1, 2, 3], 1, "list of texts")],
)  # fmt: skip
def test_distinct_n_refuses_what_it_cannot_count(texts, n, words):
    with pytest.raises(ValueError, match=words):
        distinct_n(texts, n)
