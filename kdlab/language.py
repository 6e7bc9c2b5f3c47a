"""Language models: what a model says along a text, training runs over a text, distillation on the student's own text."""

import math
from collections.abc import Iterator

import torch

from kdlab.checks import check_fraction, check_number, check_whole
from kdlab.generation import generate
from kdlab.losses import (
    check_device,
    check_logits,
    cross_entropy_core,
    kl_divergence_core,
    policy_gradient_loss_core,
    reverse_kl_divergence_core,
    sampled_cross_entropy_core,
    top_k_divergence_core,
)
from kdlab.models import evaluating
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
    student, text, teacher=None, *, recipe, length=64, divergence=kl_divergence_core, mask=None, evaluate=None,
    evaluate_every=25,
) -> Iterator[dict]:  # fmt: skip
    """Train a student on a text, ids int64 (M,), as `kdlab.training.train` does; the same records, checks and changes.

    A step reads `recipe.batch_size` windows of `length` tokens. Its loss is alpha · CE(next token, student) +
    (1 - alpha) · T² · divergence(student, teacher), mean over all places; without a teacher it is CE alone.

    teacher: logits float (M, vocabulary), entry i for what follows text[i], as `predict_text` gives them, or a
    `TokenCache` of such places, which holds probabilities at T = 1, so the recipe's temperature must be 1.
    divergence: a core function of kdlab.losses (student_logits, teacher_logits, temperature=).
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
    return _train(student, text, teacher, recipe, length, divergence, mask, evaluate, evaluate_every)


def _train(student, text, teacher, recipe, length, divergence, mask, evaluate, evaluate_every):
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
            soft = _soft_loss(logits, teacher, places, divergence, temperature)
            loss = alpha * loss + (1 - alpha) * temperature**2 * soft
        return loss

    return descend(student, next_loss, recipe=recipe, evaluate=evaluate, evaluate_every=evaluate_every)


def _soft_loss(logits, teacher, places, divergence, temperature):
    if not isinstance(teacher, TokenCache):
        return divergence(logits, teacher[places], temperature=temperature)
    if temperature != 1:  # by a change while the run is under way
        raise ValueError(CACHE_TEMPERATURE)
    ids, weights = teacher.ids[places], teacher.weights[places]
    if teacher.kind == "sampled":
        return sampled_cross_entropy_core(logits, ids, weights)
    return top_k_divergence_core(logits, ids, weights.to(torch.promote_types(weights.dtype, torch.float32)).log())


def race_language_models(students, text, teacher, *, recipe, **options) -> Iterator[dict]:
    """Train {"distilled": model, "hard": model} in lock-step over the same windows, with and without the teacher.

    The records are those of `kdlab.training.race`, the options those of `train_language_model`. Raises ValueError.
    """
    check_race(students, teacher)
    distilled = train_language_model(students["distilled"], text, teacher, recipe=recipe, **options)
    hard = train_language_model(students["hard"], text, recipe=recipe, **options)
    return side_by_side(distilled, hard)


def distill_on_policy(
    student, teacher, text, *, recipe, length=64, prompt=16, on_policy=1.0, divergence=reverse_kl_divergence_core,
    long_term=0.0, evaluate=None, evaluate_every=25,
) -> Iterator[dict]:  # fmt: skip
    """Generalised knowledge distillation (GKD, Agarwal et al. 2024): the student learns on text that it wrote itself.

    A step takes beginnings of `prompt` tokens from the text, ids int64 (M,). With probability `on_policy` the student
    goes on by itself to `length` tokens, sampled at temperature 1; otherwise the text goes on. The teacher, a
    LanguageModel, then scores each next token, and the loss is T² · divergence(student, teacher), mean over the
    places after the beginning; no gradient flows through the sampling. `long_term` adds that many times
    `policy_gradient_loss`, the part of the reverse KL of whole texts that looks ahead (MiniLLM, Gu et al. 2024), in
    steps on the student's own text. There are no labels, so the recipe's alpha must be 0. Records, checks and changes
    as in `kdlab.training.train`. Raises ValueError.
    """
    check_start(student, recipe, evaluate, evaluate_every)
    prompt = check_whole("prompt", prompt, 1)
    length = check_whole("length", length, prompt + 1)
    for model in (student, teacher):
        check_text(model, text, length)
        check_window(model, length)
    sizes = [model.tokens.num_embeddings for model in (student, teacher)]
    if sizes[0] != sizes[1]:
        raise ValueError(f"the student knows {sizes[0]} tokens, the teacher {sizes[1]}: they need the same vocabulary")
    if recipe.alpha or any(change.get("alpha") for change in recipe.changes.values()):
        raise ValueError("on its own text a student has no labels: give a Recipe with alpha=0")
    on_policy, long_term = check_fraction("on_policy", on_policy), check_number("long_term", long_term)
    if not 0 <= long_term < math.inf:
        raise ValueError(f"long_term must be a finite number, at least 0: got {long_term!r}")
    options = {"recipe": recipe, "evaluate": evaluate, "evaluate_every": evaluate_every}
    return _on_policy(student, teacher, text, length, prompt, on_policy, divergence, long_term, options)


def _on_policy(student, teacher, text, length, prompt, on_policy, divergence, long_term, options):
    recipe = options["recipe"]
    generator = torch.Generator().manual_seed(recipe.seed)
    batches = windows_of(len(text), length, recipe.batch_size, generator)

    def next_loss(temperature, alpha):
        ids = text[next(batches).to(text.device)]
        own = torch.rand((), generator=generator, dtype=torch.float32, device=generator.device) < on_policy
        if own:
            ids = generate(student, ids[:, :prompt], length - prompt, generator=generator)
        logits = student(ids[:, :-1])[:, prompt - 1 :]
        with evaluating(teacher):
            teacher_logits = teacher(ids[:, :-1])[:, prompt - 1 :]
        loss = temperature**2 * divergence(logits, teacher_logits, temperature=temperature)
        if own and long_term:
            loss = loss + long_term * policy_gradient_loss_core(logits, teacher_logits, ids[:, prompt:])
        return loss

    return descend(student, next_loss, **options)


# --- checks ---------------------------------------------------------------------------------------


def check_text(model, text, least):
    """ValueError unless the text is a row of at least `least` ids that the model knows."""
    if not hasattr(model, "tokens") or not hasattr(model, "context"):
        raise ValueError(
            f"the model must be a kdlab.models.LanguageModel, or have its `tokens` (an embedding) and `context`, and "
            f"return logits: got {type(model).__name__}"
        )
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
