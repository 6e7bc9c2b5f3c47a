"""Text from a language model, one token after another: sampled, greedy, or the likeliest of several beams."""

import torch

from kdlab.checks import check_whole
from kdlab.losses import check_device, check_sampling_temperature
from kdlab.models import evaluating


def generate(model, prompt, length, *, temperature=1.0, generator=None, use_cache=True):
    """The prompt, ids int64 (N, L), and `length` tokens that the model writes after it: ids (N, L + length).

    Each token is drawn from softmax(logits / temperature); temperature 0 takes the likeliest (greedy). The cache of
    keys and values saves time and changes nothing beyond rounding. `generator` is a torch.Generator; without one, every
    call draws the same numbers. ValueError if the text would not fit in the model's context.
    """
    tokens = _tokens(model, prompt, length, temperature, generator, use_cache)
    with evaluating(model):
        return torch.cat([prompt, torch.stack(list(tokens), 1)], 1)


def stream(model, prompt, length, *, temperature=1.0, generator=None, use_cache=True):
    """`generate` as an iterator that gives each new token's ids int64 (N,) as soon as it is drawn.

    The arguments are checked at once. The model is in eval mode only while it computes, so that an iterator may be left
    unfinished.
    """
    return _one_by_one(model, _tokens(model, prompt, length, temperature, generator, use_cache))


def _one_by_one(model, tokens):
    while True:
        with evaluating(model):  # not around the yield: between two tokens the model is the reader's
            new = next(tokens, None)
        if new is None:
            return
        yield new


def _tokens(model, prompt, length, temperature, generator, use_cache):
    """Checks at once; then an iterator of the new tokens, for a model in eval mode."""
    _check_text(model, prompt, length, "a tensor of ids int64 (N, L), one row for each text", dimensions=2)
    temperature = check_sampling_temperature(temperature)
    if generator is None:
        generator = torch.Generator().manual_seed(0)
    elif not isinstance(generator, torch.Generator):
        raise ValueError(f"generator must be a torch.Generator, got {type(generator).__name__}")
    return _draw(model, prompt, length, temperature, generator, use_cache)


def _draw(model, prompt, length, temperature, generator, use_cache):
    ids, cache = prompt, [] if use_cache else None
    for _ in range(length):
        logits = model(ids, cache)[:, -1]
        if temperature == 0:
            new = logits.argmax(-1)
        else:  # the largest logit becomes 0, so that no temperature, however low, overflows
            p = ((logits - logits.amax(-1, keepdim=True)) / temperature).softmax(-1)
            new = torch.multinomial(p.to(generator.device), 1, generator=generator)[:, 0].to(ids.device)
        yield new
        ids = new[:, None] if use_cache else torch.cat([ids, new[:, None]], 1)


def beam_search(model, prompt, length, *, beams=4):
    """A likely continuation of a prompt, ids int64 (L,): (ids int64 (L + length,), log-probability of the new tokens).

    After each token the `beams` likeliest beginnings are kept. One beam is greedy; only with so many that none is ever
    dropped is the result sure to be the likeliest text of all. ValueError if it would not fit in the model's context.
    """
    _check_text(model, prompt, length, "a tensor of ids int64 (L,), a single text", dimensions=1)
    beams = check_whole("beams", beams, 1)
    texts, scores, cache = prompt[None], torch.zeros(1, dtype=torch.double, device=prompt.device), []
    new = texts
    with evaluating(model):
        for _ in range(length):
            log_p = model(new, cache)[:, -1].double().log_softmax(-1)
            totals = (scores[:, None] + log_p).flatten()
            scores, places = totals.topk(min(beams, len(totals)))
            origin, new = places // log_p.shape[1], places % log_p.shape[1]
            new = new[:, None]
            texts = torch.cat([texts[origin], new], 1)
            cache[:] = [(keys[origin], values[origin]) for keys, values in cache]
    return texts[0], scores[0].item()


def _check_text(model, prompt, length, form, dimensions):
    """ValueError unless the prompt is ids of this model, and it and the new tokens fit in the model's context."""
    if not isinstance(prompt, torch.Tensor) or prompt.dtype != torch.int64 or prompt.ndim != dimensions:
        found = type(prompt).__name__
        if isinstance(prompt, torch.Tensor):
            found = f"{str(prompt.dtype).removeprefix('torch.')} {tuple(prompt.shape)}"
        raise ValueError(f"prompt must be {form}; got {found}")
    if prompt.numel() == 0:
        raise ValueError("prompt is empty: the model needs at least one token to start from")
    check_whole("length, the number of new tokens,", length, 1)
    check_device("the prompt's ids", prompt, "the model", model.tokens.weight)
    vocabulary, low, high = model.tokens.num_embeddings, int(prompt.min()), int(prompt.max())
    if low < 0 or high >= vocabulary:
        raise ValueError(
            f"the model knows the ids from 0 to {vocabulary - 1}, but the prompt's go from {low} to {high}"
        )
    read = prompt.shape[-1] + length - 1  # the last token is written, never read
    if read > model.context:
        raise ValueError(
            f"{prompt.shape[-1]} tokens of prompt and {length} new ones are too many for a model with a context of "
            f"{model.context}: the longest text is {model.context + 1} tokens, so take a shorter prompt or length"
        )
