"""Language models: what a model says along a text, training runs over a text, distillation on the student's own text."""

import math
from collections.abc import Iterator

import torch

from kdlab.checks import check_fraction, check_number, check_whole
from kdlab.generation import answer, check_prompts, pad_rows
from kdlab.losses import (
    RESTS,
    check_device,
    check_logits,
    cross_entropy_core,
    kl_divergence_core,
    policy_gradient_loss_core,
    reverse_kl_divergence_core,
    sampled_cross_entropy_core,
    top_k_divergence_core,
)
from kdlab.models import check_language_model, evaluating, logits_of
from kdlab.token_caches import TokenCache
from kdlab.training import check_race, check_start, descend, side_by_side

# --- what a model says along a text ---------------------------------------------------------------


def predict_text(model, text, length=None, batch_size=64):
    """The model's logits (M, vocabulary) along a text of ids int64 (M,): entry i scores what follows text[i].

    The text is read in windows of `length` tokens (the model's context, if not given) that overlap by half, and of
    each window but the first only the later half counts: so every entry but the first few rests on at least half a
    window of what came before. Raises ValueError.
    """
    check_text(model, text, 1)
    length = check_whole("length", model.context if length is None else length, 2)
    if len(text) <= length:
        with evaluating(model):
            return model(text[None])[0]
    half = length // 2
    starts = [*range(0, len(text) - length, half), len(text) - length]
    windows = text.unfold(0, length, 1)
    logits = None
    with evaluating(model):
        for first in range(0, len(starts), batch_size):
            chosen = starts[first : first + batch_size]
            for start, rows in zip(chosen, model(windows[chosen]), strict=True):
                if logits is None:
                    logits = rows.new_empty(len(text), rows.shape[-1])
                skip = half if start else 0
                logits[start + skip : start + length] = rows[skip:]
    return logits


def bits_per_character(model, text, length=None):
    """Mean of -log2 of the model's probability of each character of a text, ids int64 (M,), but the first."""
    check_text(model, text, 2)
    logits = predict_text(model, text, length)[:-1]
    return cross_entropy_core(logits, text[1:]).item() / math.log(2)


def windows_of(count, length, batch_size, generator):
    """Endless batches of places, int64 (batch_size, length): windows of neighbours among 0 ... count - 1."""
    inside = torch.arange(length, device=generator.device)
    while True:
        starts = torch.randint(count - length + 1, (batch_size, 1), generator=generator, device=generator.device)
        yield starts + inside


CACHE_TEMPERATURE = "a cache keeps probabilities at temperature 1: give a Recipe with temperature=1"

# --- training runs --------------------------------------------------------------------------------


def train_language_model(
    student, text, teacher=None, *, recipe, length=64, divergence=kl_divergence_core, rest="bucket", mask=None,
    evaluate=None, evaluate_every=25,
) -> Iterator[dict]:  # fmt: skip
    """Train a student on a text, ids int64 (M,), as `kdlab.training.train` does; the same records, checks and changes.

    A step reads `recipe.batch_size` windows of `length` tokens. Its loss is alpha · CE(next token, student) +
    (1 - alpha) · T² · divergence(student, teacher), mean over all places; without a teacher it is CE alone.

    teacher: logits float (M, vocabulary), entry i for what follows text[i], as `predict_text` gives them, or a
    `TokenCache` of such places, which holds probabilities at T = 1, so the recipe's temperature must be 1.
    divergence: a core function of kdlab.losses (student_logits, teacher_logits, temperature=).
    rest: what becomes of what a cache of kind "top" left out, as in `kdlab.losses.top_k_divergence`.
    mask: bool (M,), True where the token *after* that place counts. Raises ValueError before the first step.
    """
    check_start(student, recipe, evaluate, evaluate_every)
    length = check_whole("length", length, 1)
    check_text(student, text, length + 1)
    check_window(student, length)
    _check_teacher(student, text, teacher, recipe)
    if mask is not None:
        if isinstance(mask, torch.Tensor):
            check_device("mask", mask, "the text", text)
        fits = isinstance(mask, torch.Tensor) and mask.dtype == torch.bool and mask.shape == text.shape
        if not fits or not mask[:-1].any():
            raise ValueError(f"mask must be a bool tensor, of the text's shape {tuple(text.shape)}, and True somewhere")
    if isinstance(teacher, torch.Tensor):
        teacher = teacher.detach()
    if rest not in RESTS:
        raise ValueError(f"rest must be one of {', '.join(map(repr, RESTS))}, got {rest!r}")
    return _train(student, text, teacher, recipe, length, divergence, rest, mask, evaluate, evaluate_every)


def _train(student, text, teacher, recipe, length, divergence, rest, mask, evaluate, evaluate_every):
    generator = torch.Generator().manual_seed(recipe.seed)
    batches = windows_of(len(text) - 1, length, recipe.batch_size, generator)

    def next_loss(temperature, alpha):
        places = next(batches).to(text.device)
        while mask is not None and not mask[places].any():
            places = next(batches).to(text.device)  # windows in which nothing counts have no mean
        logits = student(text[places])
        if mask is not None:
            counts = mask[places]
            logits, places = logits[counts], places[counts]
        loss = 0.0
        if teacher is None or alpha > 0:
            loss = cross_entropy_core(logits, text[places + 1])
        if teacher is not None:
            soft = _soft_loss(logits, teacher, places, divergence, rest, temperature)
            loss = alpha * loss + (1 - alpha) * temperature**2 * soft
        return loss

    return descend(student, next_loss, recipe=recipe, evaluate=evaluate, evaluate_every=evaluate_every)


def _soft_loss(logits, teacher, places, divergence, rest, temperature):
    if not isinstance(teacher, TokenCache):
        return divergence(logits, teacher[places], temperature=temperature)
    if temperature != 1:  # by a change while the run is under way
        raise ValueError(CACHE_TEMPERATURE)
    ids, weights = teacher.ids[places], teacher.weights[places]
    if teacher.kind == "sampled":
        return sampled_cross_entropy_core(logits, ids, weights)
    log_p = weights.to(torch.promote_types(weights.dtype, torch.float32)).log()
    return top_k_divergence_core(logits, ids, log_p, rest=rest)


def race_language_models(students, text, teacher, *, recipe, **options) -> Iterator[dict]:
    """Train {"distilled": model, "hard": model} in lock-step over the same windows, with and without the teacher.

    The records are those of `kdlab.training.race`, the options those of `train_language_model`. Raises ValueError.
    """
    check_race(students, teacher)
    distilled = train_language_model(students["distilled"], text, teacher, recipe=recipe, **options)
    hard = train_language_model(students["hard"], text, recipe=recipe, **options)
    return side_by_side(distilled, hard)


def distill_on_policy(
    student, teacher, text, *, recipe, length=64, prompt=16, on_policy=1.0, answers=None, end=None,
    divergence=reverse_kl_divergence_core, long_term=0.0, baseline=True, evaluate=None, evaluate_every=25,
) -> Iterator[dict]:  # fmt: skip
    """Generalised knowledge distillation (GKD, Agarwal et al. 2024): the student learns on text that it wrote itself.

    text: ids int64 (M,); a step takes `recipe.batch_size` windows of it, whose first `prompt` tokens are the prompts. Or
    a list of prompts int64 (L,), as long as they like, drawn with replacement. With probability `on_policy` the student
    goes on by itself to `length` tokens, prompt included, sampled at temperature 1; otherwise the text goes on, or the
    one of `answers`, ids int64 (L,), that belongs to the prompt. Nothing counts after the first `end`, an id, of an answer.
    teacher: a LanguageModel, or any function from ids (N, L) to logits (N, L, vocabulary), or to an output with `.logits`.

    The loss is T² · divergence(student, teacher), the mean over the tokens that count; no gradient flows through the
    sampling. `long_term` adds that many times `policy_gradient_loss`, the part of the reverse KL of whole texts that
    looks ahead (MiniLLM, Gu et al. 2024), with its baseline, in steps on the student's own text. There are no labels, so
    the recipe's alpha must be 0. Records, checks and changes as in `kdlab.training.train`. Raises ValueError.
    """
    check_start(student, recipe, evaluate, evaluate_every)
    if recipe.alpha or any(change.get("alpha") for change in recipe.changes.values()):
        raise ValueError("on its own text a student has no labels: give a Recipe with alpha=0")
    on_policy, long_term = check_fraction("on_policy", on_policy), check_number("long_term", long_term)
    if not 0 <= long_term < math.inf:
        raise ValueError(f"long_term must be a finite number, at least 0: got {long_term!r}")
    if long_term and baseline and recipe.batch_size < 2:
        raise ValueError("the baseline is the mean of the other texts of a step: batch_size must be at least 2")
    if isinstance(text, list | tuple):
        _check_prompts_and_answers(student, text, answers, length, on_policy)
        batches = _prompted(text, answers)
    else:
        if answers is not None:
            raise ValueError("answers belong to a list of prompts; after a window of a text that text goes on")
        prompt = check_whole("prompt", prompt, 1)
        length = check_whole("length", length, prompt + 1)
        check_text(student, text, length)
        check_window(student, length)
        batches = _windowed(text, prompt, length)
    if end is not None:
        end = check_whole("end, the id that ends an answer,", end, 0, student.tokens.num_embeddings - 1)
    _check_scorer(teacher, student, length)
    loss = _on_policy_loss(student, teacher, batches, length, on_policy, end, divergence, long_term, baseline, recipe)
    return descend(student, loss, recipe=recipe, evaluate=evaluate, evaluate_every=evaluate_every)


def _windowed(text, prompt, length):
    """Batches of (prompts, how each goes on) from windows of a text."""

    def batches(size, generator):
        for places in windows_of(len(text), length, size, generator):
            rows = text[places.to(text.device)]
            yield list(rows[:, :prompt]), list(rows[:, prompt:])

    return batches


def _prompted(prompts, answers):
    """Batches of (prompts, how each goes on) drawn from lists."""

    def batches(size, generator):
        while True:
            chosen = torch.randint(len(prompts), (size,), generator=generator, device=generator.device).tolist()
            yield [prompts[n] for n in chosen], [answers[n] for n in chosen] if answers is not None else None

    return batches


def _on_policy_loss(student, teacher, batches, length, on_policy, end, divergence, long_term, baseline, recipe):
    generator = torch.Generator().manual_seed(recipe.seed)
    batches = batches(recipe.batch_size, generator)

    def next_loss(temperature, alpha):
        prompts, answers = next(batches)
        own = torch.rand((), generator=generator, dtype=torch.float32, device=generator.device) < on_policy
        if own:
            ids, counts = answer(student, prompts, length, end=end, generator=generator)
        else:
            ids, counts = _given(prompts, answers, length, end)
        first = int(counts.any(0).int().argmax()) - 1  # before it, nothing counts
        ids, counts, tokens = ids[:, :-1], counts[:, first + 1 :], ids[:, first + 1 :]
        logits = student(ids)[:, first:]
        teacher_logits = _scores(teacher, ids, logits.shape[-1])[:, first:]
        chosen = logits[counts], teacher_logits[counts]
        loss = temperature**2 * divergence(*chosen, temperature=temperature)
        if own and long_term:
            ahead = policy_gradient_loss_core(logits, teacher_logits, tokens, baseline=baseline, mask=counts)
            loss = loss + long_term * ahead
        return loss

    return next_loss


def _given(prompts, answers, length, end):
    """Prompts and given answers as `kdlab.generation.answer` gives its own: ids (N, M), and which tokens count."""
    rows = [torch.cat(pair)[:length] for pair in zip(prompts, answers, strict=True)]
    ids, counts = pad_rows(rows)
    sizes = torch.tensor([len(prompt) for prompt in prompts], device=ids.device)
    counts &= torch.arange(ids.shape[1], device=ids.device) >= sizes[:, None]
    if end is not None:
        ends = (ids == end) & counts
        counts &= ends.cumsum(1) - ends.int() == 0
    return ids, counts


def _scores(teacher, ids, vocabulary):
    """The teacher's logits (N, L, vocabulary), without a gradient; ValueError if they are of another shape or not finite."""
    with evaluating(teacher) if isinstance(teacher, torch.nn.Module) else torch.no_grad():
        logits = logits_of(teacher(ids))
    if logits.shape != (*ids.shape, vocabulary):
        raise ValueError(
            f"for ids {tuple(ids.shape)} the teacher must return logits {(*ids.shape, vocabulary)}, a score for each "
            f"token of the student's vocabulary at each place: got {tuple(logits.shape)}"
        )
    if not logits.isfinite().all():
        raise ValueError(
            "the teacher's logits contain NaN or infinite values: the reverse KL to a teacher who finds a token impossible "
            "is infinite, so give such a token a low logit (-20, say), not minus infinity"
        )
    return logits


# --- checks ---------------------------------------------------------------------------------------


def check_text(model, text, least):
    """ValueError unless the text is a row of at least `least` ids that the model knows."""
    check_language_model(model)
    if not isinstance(text, torch.Tensor) or text.dtype != torch.int64 or text.ndim != 1:
        raise ValueError("a text must be a tensor of ids, int64 (M,): torch.from_numpy(tokenizer.encode(string))")
    if len(text) < least:
        raise ValueError(f"the text has {len(text)} tokens, at least {least} are needed")
    check_device("the text's ids", text, "the model", model.tokens.weight)
    size = model.tokens.num_embeddings
    if text.min() < 0 or text.max() >= size:
        raise ValueError(f"ids from {int(text.min())} to {int(text.max())}, but the model knows 0 to {size - 1}")


def check_window(model, length):
    """ValueError unless a window of this length fits into the model's context."""
    if length > model.context:
        raise ValueError(f"length is {length}, more than the model's context of {model.context} tokens")


def _check_prompts_and_answers(student, prompts, answers, length, on_policy):
    check_prompts(student, prompts, length)
    if answers is None and on_policy < 1:
        raise ValueError(
            f"with on_policy={on_policy:g} some steps need given answers: answers=[ids, ...], one for each prompt"
        )
    if answers is None:
        return
    if not isinstance(answers, list | tuple) or len(answers) != len(prompts):
        found = len(answers) if isinstance(answers, list | tuple) else type(answers).__name__
        raise ValueError(f"answers must be a list of ids, one for each of the {len(prompts)} prompts: got {found}")
    for reply in answers:
        check_text(student, reply, 1)


def _check_scorer(teacher, student, length):
    """ValueError where it can be known before the first step that this teacher cannot score the student's text."""
    if not callable(teacher):
        raise ValueError(
            f"teacher must be a model, or a function from ids (N, L) to logits (N, L, vocabulary): got {type(teacher).__name__}"
        )
    embedding, context = getattr(teacher, "tokens", None), getattr(teacher, "context", None)
    if isinstance(teacher, torch.nn.Module) and (weight := next(teacher.parameters(), None)) is not None:
        check_device("the student", student.tokens.weight, "the teacher", weight)
    if isinstance(embedding, torch.nn.Embedding) and embedding.num_embeddings != student.tokens.num_embeddings:
        raise ValueError(
            f"the student knows {student.tokens.num_embeddings} tokens, the teacher {embedding.num_embeddings}: they need "
            "the same vocabulary"
        )
    if isinstance(context, int):
        check_window(teacher, length)


def _check_teacher(student, text, teacher, recipe):
    if teacher is None:
        return
    vocabulary = student.tokens.num_embeddings
    if isinstance(teacher, TokenCache):
        if len(teacher.ids) != len(text) or teacher.ids.max() >= vocabulary:
            raise ValueError(
                f"the cache holds {len(teacher.ids)} places and ids up to {int(teacher.ids.max())}: "
                f"the text has {len(text)}, the student knows 0 to {vocabulary - 1}"
            )
        if recipe.temperature != 1 or any(change.get("temperature", 1) != 1 for change in recipe.changes.values()):
            raise ValueError(CACHE_TEMPERATURE)
        check_device("the cache's ids", teacher.ids, "the text", text)
        check_device("the cache's weights", teacher.weights, "the text", text)
        return
    if not isinstance(teacher, torch.Tensor) or teacher.shape != (len(text), vocabulary):
        found = tuple(teacher.shape) if isinstance(teacher, torch.Tensor) else type(teacher).__name__
        raise ValueError(
            f"teacher must be logits of shape ({len(text)}, {vocabulary}), as predict_text gives, or a TokenCache: {found}"
        )
    check_device("teacher", teacher, "the text", text)
    check_logits("teacher", teacher, recipe.temperature)
