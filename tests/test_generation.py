"""Text from a language model: greedy, sampled, beams, with and without the cache."""

import itertools
import math

import pytest
import torch

from kdlab.generation import answer, beam_search, generate, stream
from kdlab.models import LanguageModel, evaluating


def small(vocabulary=5, seed=0, **options):
    """A model with opinions: its first weights are made larger."""
    options = {"width": 12, "heads": 2, "layers": 2, "context": 40} | options
    model = LanguageModel(vocabulary, seed=seed, **options)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.mul_(8 if parameter.ndim == 2 else 1)
    return model


def prompt_of(*shape, vocabulary=5, seed=0):
    return torch.randint(vocabulary, shape, generator=torch.Generator().manual_seed(seed))


def log_probability(model, text, start):
    """The sum of the log-probabilities of text[start:], each in a pass of its own."""
    total = 0.0
    with evaluating(model):
        for i in range(start, len(text)):
            total += model(torch.tensor([text[:i]]))[0, -1].double().log_softmax(-1)[text[i]].item()
    return total


# --- the cache, greedy, seeds ---------------------------------------------------------------------


@pytest.mark.parametrize("temperature", [0, 0.7, 1.0, 3.0])
@pytest.mark.parametrize("seed", range(4))
def test_with_and_without_the_cache_the_text_is_the_same(temperature, seed):
    model, prompt = small(seed=seed), prompt_of(3, 4, seed=seed)
    texts = [
        generate(
            model, prompt, 30, temperature=temperature, generator=torch.Generator().manual_seed(seed), use_cache=cache
        )
        for cache in (True, False)
    ]
    assert torch.equal(*texts)
    assert texts[0].shape == (3, 34) and texts[0].dtype == torch.int64 and torch.equal(texts[0][:, :4], prompt)
    assert len(texts[0].unique()) > 2


def test_greedy_is_the_argmax_again_and_again():
    model, prompt = small(), prompt_of(2, 3)
    ids = prompt
    for _ in range(12):
        ids = torch.cat([ids, model.eval()(ids)[:, -1:].argmax(-1)], 1)
    assert torch.equal(generate(model, prompt, 12, temperature=0), ids)
    assert torch.equal(generate(model, prompt, 12, temperature=1e-30), ids)  # the limit, without overflow


def test_the_generator_decides_the_text_and_no_global_random_number_is_drawn():
    model, prompt = small(), prompt_of(2, 3)

    def text(seed):
        return generate(model, prompt, 30, generator=torch.Generator().manual_seed(seed))

    before = torch.get_rng_state()
    assert torch.equal(text(1), text(1)) and not torch.equal(text(1), text(2))
    assert torch.equal(generate(model, prompt, 30), generate(model, prompt, 30))
    generator = torch.Generator().manual_seed(3)
    first, second = (generate(model, prompt, 30, generator=generator) for _ in range(2))
    assert not torch.equal(first, second)  # a generator goes on
    assert torch.equal(torch.get_rng_state(), before)


def test_the_rows_of_a_batch_are_written_independently():
    texts = generate(small(), torch.zeros(2000, 1, dtype=torch.int64), 1)[:, 1]
    same = (texts[::2] == texts[1::2]).double().mean().item()
    p = (texts.bincount() / 2000).square().sum().item()
    assert same == pytest.approx(p, abs=4 * math.sqrt(p * (1 - p) / 1000))


# --- sampled frequencies --------------------------------------------------------------------------


@pytest.mark.parametrize("temperature", [0.5, 1.0, 2.0])
def test_sampled_pairs_have_the_probabilities_of_the_softmax(temperature):
    model, count = small(4), 20_000
    generator = torch.Generator().manual_seed(7)
    texts = generate(model, torch.tensor([[1, 3]]).expand(count, 2), 2, temperature=temperature, generator=generator)
    with evaluating(model):
        first = (model(torch.tensor([[1, 3]]))[0, -1] / temperature).softmax(-1)
        second = (model(torch.tensor([[1, 3, a] for a in range(4)]))[:, -1] / temperature).softmax(-1)
    expected = (first[:, None] * second).flatten().double() * count
    found = (texts[:, 2] * 4 + texts[:, 3]).bincount(minlength=16)
    chi_square = ((found - expected).square() / expected).sum().item()  # 15 degrees of freedom
    assert expected.min() > 5 and chi_square < 37.7  # exceeded by chance once in 1000 seeds
    shuffled = ((found.roll(1) - expected).square() / expected).sum().item()
    assert shuffled > 1000  # the test would notice


# --- a stream, and the model's mode ---------------------------------------------------------------


def test_a_stream_gives_the_same_tokens_one_by_one():
    model, prompt = small(), prompt_of(3, 4)
    tokens = list(stream(model, prompt, 10, temperature=0.8, generator=torch.Generator().manual_seed(1)))
    text = generate(model, prompt, 10, temperature=0.8, generator=torch.Generator().manual_seed(1))
    assert all(token.shape == (3,) and token.dtype == torch.int64 for token in tokens)
    assert torch.equal(torch.stack(tokens, 1), text[:, 4:])


@pytest.mark.parametrize("training", [True, False])
def test_the_models_mode_and_gradients_stay_as_they_were(training):
    model, prompt = small(dropout=0.5).train(training), prompt_of(1, 4)
    model.layers[0].eval()  # a frozen layer stays frozen
    modes = [module.training for module in model.modules()]
    expected = generate(small(), prompt, 8)
    assert torch.equal(generate(model, prompt, 8), expected)  # no dropout while it writes
    beam_search(model, prompt[0], 4)
    assert [module.training for module in model.modules()] == modes
    started = stream(model, prompt, 8)
    next(started)
    assert torch.is_grad_enabled() and [module.training for module in model.modules()] == modes
    started.close()
    assert torch.is_grad_enabled() and [module.training for module in model.modules()] == modes
    broken = stream(model, prompt, 8)
    next(broken)
    model.norm.register_forward_hook(lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        next(broken)
    assert torch.is_grad_enabled() and [module.training for module in model.modules()] == modes


def test_the_prompt_is_left_alone_and_nothing_asks_for_gradients():
    model, prompt = small(), prompt_of(2, 4)
    copy = prompt.clone()
    text = generate(model, prompt, 5)
    text[:] = 0
    assert torch.equal(prompt, copy)
    assert all(parameter.grad is None for parameter in model.parameters())


def test_the_longest_text_fits_and_one_more_does_not():
    model = small(context=8)
    for options in ({}, {"use_cache": False}, {"temperature": 0}):
        assert generate(model, prompt_of(1, 3), 6, **options).shape == (1, 9)
        with pytest.raises(ValueError, match="3 tokens of prompt and 7 new ones .* context of 8: .* is 9 tokens"):
            generate(model, prompt_of(1, 3), 7, **options)
    assert beam_search(model, prompt_of(3), 6)[0].shape == (9,)
    with pytest.raises(ValueError, match="context of 8"):
        beam_search(model, prompt_of(3), 7)


# --- beam search ----------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(5))
def test_enough_beams_find_the_likeliest_text_of_all(seed):
    model, prompt = small(3, seed=seed).double(), prompt_of(2, vocabulary=3, seed=seed)
    texts = [prompt.tolist() + list(new) for new in itertools.product(range(3), repeat=4)]
    best = max(texts, key=lambda text: log_probability(model, text, 2))
    ids, found = beam_search(model, prompt, 4, beams=27)  # 3^3: after three tokens every beginning is still there
    assert ids.tolist() == best
    assert found == pytest.approx(log_probability(model, best, 2), abs=1e-9)


@pytest.mark.parametrize("beams", [1, 2, 4, 100])
def test_the_log_probability_is_that_of_the_text(beams):
    model, prompt = small(), prompt_of(3)
    ids, found = beam_search(model, prompt, 9, beams=beams)
    assert ids.shape == (12,) and ids.dtype == torch.int64 and torch.equal(ids[:3], prompt)
    assert isinstance(found, float) and found == pytest.approx(log_probability(model, ids.tolist(), 3), abs=1e-5)


def slow_beam_search(model, prompt, length, beams):
    """Every beginning from the start again, lists only."""
    kept = [(0.0, prompt)]
    for _ in range(length):
        grown = []
        for score, text in kept:
            log_p = model.eval()(torch.tensor([text]))[0, -1].double().log_softmax(-1).tolist()
            grown += [(score + log_p[token], [*text, token]) for token in range(len(log_p))]
        kept = sorted(grown, reverse=True)[:beams]
    return kept[0]


@pytest.mark.parametrize("beams", [2, 3, 7])
@pytest.mark.parametrize("seed", range(3))
def test_beams_against_a_slow_reference(beams, seed):
    model, prompt = small(seed=seed).double(), prompt_of(3, seed=seed)
    score, text = slow_beam_search(model, prompt.tolist(), 8, beams)
    ids, found = beam_search(model, prompt, 8, beams=beams)
    assert ids.tolist() == text and found == pytest.approx(score, abs=1e-9)


@pytest.mark.parametrize("seed", range(3))
def test_one_beam_is_greedy(seed):
    model, prompt = small(seed=seed), prompt_of(3, seed=seed)
    assert torch.equal(beam_search(model, prompt, 15, beams=1)[0], generate(model, prompt[None], 15, temperature=0)[0])


def test_the_best_first_token_need_not_begin_the_best_text():
    found = []
    for seed in range(12):
        model, prompt = small(3, seed=seed), prompt_of(2, vocabulary=3, seed=seed)
        found.append(beam_search(model, prompt, 4, beams=27)[1] - beam_search(model, prompt, 4, beams=1)[1])
    assert min(found) > -1e-5 and max(found) > 0.1  # never worse than greedy when nothing is dropped, at times better


# --- prompts of any length ------------------------------------------------------------------------


def test_an_answer_is_what_the_model_writes_to_the_prompt_alone():
    model = small()
    prompts = [prompt_of(size, seed=size) for size in (3, 1, 5)]
    ids, written = answer(model, prompts, 9, temperature=0)
    assert ids.shape == written.shape == (3, 9)
    for row, own, prompt in zip(ids, written, prompts, strict=True):
        assert torch.equal(row, generate(model, prompt[None], 9 - len(prompt), temperature=0)[0])
        assert torch.equal(own, torch.arange(9) >= len(prompt))


def test_answers_to_equal_prompts_are_those_of_generate():
    model, prompt = small(), prompt_of(4, 3)
    ids, written = answer(model, list(prompt), 9, generator=torch.Generator().manual_seed(3))
    assert torch.equal(ids, generate(model, prompt, 6, generator=torch.Generator().manual_seed(3)))
    assert not written[:, :3].any() and written[:, 3:].all()


def test_each_prompt_gets_draws_from_the_model_s_own_distribution():
    model, prompts = small(3), [torch.tensor([0, 1]), torch.tensor([2])]
    ids, _ = answer(model, prompts * 3000, 3)
    for n, prompt in enumerate(prompts):
        shares = ids[n::2, len(prompt)].bincount(minlength=3) / 3000
        with evaluating(model):
            p = model(prompt[None])[0, -1].softmax(-1)
        assert (shares - p).abs().max() < 0.04


def test_an_answer_ends_with_its_first_end_and_the_columns_with_the_last_answer():
    model, prompts = small(), [prompt_of(size, seed=size) for size in (2, 4, 1, 3)]
    whole, _ = answer(model, prompts, 14)
    end = int(whole[0, 5])
    ids, written = answer(model, prompts, 14, end=end)
    last = 0
    for row, own, prompt, full in zip(ids, written, prompts, whole, strict=True):
        first = len(prompt)
        stop = next((i + 1 for i in range(first, 14) if full[i] == end), 14)
        assert torch.equal(row[:stop], full[:stop]) and own.nonzero()[:, 0].tolist() == list(range(first, stop))
        last = max(last, stop)
    assert ids.shape[1] == last


def test_an_end_in_a_prompt_does_not_end_the_answer():
    model = small()
    _, written = answer(model, [torch.tensor([2, 2, 2])], 6, end=2, temperature=0)
    assert written[0, 3]


@pytest.mark.parametrize(
    ("prompts", "words"),
    [
        (torch.tensor([[1, 2]]), "prompts must be a list"),
        ([], "prompts must be a list"),
        ([[1, 2]], "prompt 0 must be a tensor of ids"),
        ([torch.tensor([1]), torch.tensor([[1]])], "prompt 1 must be a tensor of ids"),
        ([torch.tensor([1] * 7)], "7 tokens: a length of 7 leaves no room"),
        ([torch.tensor([9])], "the model knows the ids from 0 to 4"),
    ],
)
def test_prompts_that_are_none_are_refused(prompts, words):
    with pytest.raises(ValueError, match=words):
        answer(small(), prompts, 7)


def test_other_arguments_of_an_answer_that_make_no_sense_are_refused():
    prompts = [torch.tensor([1])]
    for options, words in (
        ({"end": 5}, "end, the id that ends a text, must be a whole number from 0 to 4"),
        ({"temperature": -1}, "temperature"),
        ({"generator": 3}, "torch.Generator, got int"),
    ):
        with pytest.raises(ValueError, match=words):
            answer(small(), prompts, 5, **options)
    with pytest.raises(ValueError, match="too long for a model with a context"):
        answer(small(), prompts, 999)
    with pytest.raises(ValueError, match="generation.answer takes prompts of unequal length"):
        generate(small(), prompts, 3)


# --- errors ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("prompt", "words"),
    [
        ([1, 2], "prompt must be a tensor of ids int64.*got list"),
        ("Call me", "got str"),
        (torch.tensor([[1.0, 2.0]]), r"got float32 \(1, 2\)"),
        (torch.tensor([[1, 2]], dtype=torch.int32), r"got int32 \(1, 2\)"),
        (torch.zeros(1, 0, dtype=torch.int64), "prompt is empty"),
        (torch.zeros(0, 3, dtype=torch.int64), "prompt is empty"),
        (torch.zeros(1, 1, 3, dtype=torch.int64), r"got int64 \(1, 1, 3\)"),
        (torch.tensor([[0, 5]]), "ids from 0 to 4, but the prompt's go from 0 to 5"),
        (torch.tensor([[-1, 2]]), "from -1 to 2"),
    ],
)
def test_bad_prompts_are_refused_before_anything_is_computed(prompt, words):
    with pytest.raises(ValueError, match=words):
        generate(small(), prompt, 3)
    with pytest.raises(ValueError, match=words):
        stream(small(), prompt, 3)  # at once, not only when the first token is asked for
    flat = prompt[0] if isinstance(prompt, torch.Tensor) and prompt.ndim > 1 and len(prompt) else prompt
    with pytest.raises(ValueError, match="prompt|the model knows"):
        beam_search(small(), flat, 3)


def test_a_single_text_for_generate_and_a_batch_for_beams_are_explained():
    with pytest.raises(ValueError, match=r"int64 \(N, L\), one row for each text; got int64 \(3,\)"):
        generate(small(), prompt_of(3), 2)
    with pytest.raises(ValueError, match=r"int64 \(L,\), a single text; got int64 \(1, 3\)"):
        beam_search(small(), prompt_of(1, 3), 2)


@pytest.mark.parametrize("length", [0, -1, 2.0, True, None])
def test_lengths_that_make_no_sense_are_refused(length):
    for call in (generate, stream):
        with pytest.raises(ValueError, match="length, the number of new tokens"):
            call(small(), prompt_of(1, 3), length)
    with pytest.raises(ValueError, match="length, the number of new tokens"):
        beam_search(small(), prompt_of(3), length)


@pytest.mark.parametrize("temperature", [-1, math.nan, math.inf, "warm", None])
def test_temperatures_that_make_no_sense_are_refused(temperature):
    with pytest.raises(ValueError, match="temperature must be"):
        generate(small(), prompt_of(1, 3), 2, temperature=temperature)


def test_other_options_that_make_no_sense_are_refused():
    with pytest.raises(ValueError, match="torch.Generator, got int"):
        generate(small(), prompt_of(1, 3), 2, generator=3)
    for beams in (0, 1.5, True):
        with pytest.raises(ValueError, match="beams"):
            beam_search(small(), prompt_of(3), 2, beams=beams)
