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


def pad_rows(rows):
    """Ids of unequal length, a list of int64 (L,), filled up with 0 on the right: (ids (N, M), bool (N, M): not filled up)."""
    ids = torch.nn.utils.rnn.pad_sequence(rows, batch_first=True)
    sizes = torch.tensor([len(row) for row in rows], device=ids.device)
    return ids, torch.arange(ids.shape[1], device=ids.device) < sizes[:, None]


def answer(model, prompts, length, *, temperature=1.0, end=None, generator=None):
    """What a model writes after prompts of any length, a list of ids int64 (L,): (ids (N, M), written bool (N, M)).

    A row is a prompt and what follows, `length` tokens in all, so a short prompt gets a long answer. `written` is True
    on the model's own tokens, up to and including the first `end`, an id; what stands behind it means nothing. The
    columns stop where every row has ended. Draws are as in `generate`. Raises ValueError.
    """
    check_prompts(model, prompts, length)
    temperature, generator = check_sampling_temperature(temperature), _check_generator(generator)
    if end is not None:
        end = check_whole("end, the id that ends a text,", end, 0, model.tokens.num_embeddings - 1)
    given, counts = pad_rows(prompts)
    sizes, longest = counts.sum(1), given.shape[1]
    begun = int(sizes.min())
    columns, over = list(given[:, :begun].unbind(1)), torch.zeros_like(sizes, dtype=torch.bool)
    own = [torch.zeros_like(over)] * begun
    with evaluating(model):
        new, cache = given[:, :begun], []
        while len(columns) < length and not over.all():
            at = len(columns)
            drawn = draw_next(model(new, cache)[:, -1], temperature, generator)
            mine = sizes <= at
            columns.append(drawn if at >= longest else torch.where(mine, drawn, given[:, at]))
            own.append(mine & ~over)
            if end is not None:
                over = over | (mine & (columns[-1] == end))
            new = columns[-1][:, None]
    return torch.stack(columns, 1), torch.stack(own, 1)


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
    return _draw(model, prompt, length, temperature, _check_generator(generator), use_cache)


def _check_generator(generator):
    if generator is None:
        return torch.Generator().manual_seed(0)
    if not isinstance(generator, torch.Generator):
        raise ValueError(f"generator must be a torch.Generator, got {type(generator).__name__}")
    return generator


def _draw(model, prompt, length, temperature, generator, use_cache):
    ids, cache = prompt, [] if use_cache else None
    for _ in range(length):
        new = draw_next(model(ids, cache)[:, -1], temperature, generator)
        yield new
        ids = new[:, None] if use_cache else torch.cat([ids, new[:, None]], 1)


def draw_next(logits, temperature, generator):
    """One id for each row of logits (N, vocabulary), from softmax(logits / temperature); at 0 the likeliest: int64 (N,)."""
    if temperature == 0:
        return logits.argmax(-1)
    # the largest logit becomes 0, so that no temperature, however low, overflows
    p = ((logits - logits.amax(-1, keepdim=True)) / temperature).softmax(-1)
    return torch.multinomial(p.to(generator.device), 1, generator=generator)[:, 0].to(logits.device)


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


def check_prompts(model, prompts, length):
    """ValueError unless `prompts` is a list of ids int64 (L,) of this model, each shorter than `length`, which fits."""
    if not isinstance(prompts, list | tuple) or not prompts:
        raise ValueError("prompts must be a list of tensors of ids, int64 (L,), one for each text, and not empty")
    length = check_whole("length, of prompt and answer together,", length, 2)
    for n, prompt in enumerate(prompts):
        if not isinstance(prompt, torch.Tensor) or prompt.dtype != torch.int64 or prompt.ndim != 1 or not len(prompt):
            raise ValueError(f"prompt {n} must be a tensor of ids, int64 (L,), not empty: torch.tensor([3, 1, 4])")
        if len(prompt) >= length:
            raise ValueError(f"prompt {n} has {len(prompt)} tokens: a length of {length} leaves no room for an answer")
    _check_known(model, torch.cat(list(prompts)))
    if length - 1 > model.context:  # the last token is written, never read
        raise ValueError(
            f"a length of {length} is too long for a model with a context of {model.context}: {model.context + 1} at most"
        )


def _check_text(model, prompt, length, form, dimensions):
    """ValueError unless the prompt is ids of this model, and it and the new tokens fit in the model's context."""
    if not isinstance(prompt, torch.Tensor) or prompt.dtype != torch.int64 or prompt.ndim != dimensions:
        found = type(prompt).__name__
        if isinstance(prompt, torch.Tensor):
            found = f"{str(prompt.dtype).removeprefix('torch.')} {tuple(prompt.shape)}"
        elif isinstance(prompt, list) and any(isinstance(row, torch.Tensor) for row in prompt):
            found = "list; kdlab.generation.answer takes prompts of unequal length"
        raise ValueError(f"prompt must be {form}; got {found}")
    if prompt.numel() == 0:
        raise ValueError("prompt is empty: the model needs at least one token to start from")
    check_whole("length, the number of new tokens,", length, 1)
    _check_known(model, prompt)
    read = prompt.shape[-1] + length - 1  # the last token is written, never read
    if read > model.context:
        raise ValueError(
            f"{prompt.shape[-1]} tokens of prompt and {length} new ones are too many for a model with a context of "
            f"{model.context}: the longest text is {model.context + 1} tokens, so take a shorter prompt or length"
        )


def _check_known(model, ids):
    """ValueError unless these are ids that the model has an embedding for, where the model is."""
    check_device("the prompt's ids", ids, "the model", model.tokens.weight)
    vocabulary, low, high = model.tokens.num_embeddings, int(ids.min()), int(ids.max())
    if low < 0 or high >= vocabulary:
        raise ValueError(
            f"the model knows the ids from 0 to {vocabulary - 1}, but the prompt's go from {low} to {high}"
        )
