"""The experiments of lesson 12 on Moby-Dick as characters: python benchmarks/language_models.py [--again] [section ...]

tuning       every arm of `transfer` and `divergences` at four learning rates, the two best again: two further seeds
transfer     a student of 32 000 weights: text, soft targets, text that the teacher wrote, and the controls
divergences  a student of 6 000 weights: what forward, reverse and Jensen-Shannon divergence make of it
other_rates  three of them at the learning rate that each did not get: what of the above the rate did
costs        milliseconds for a step on given and on own text, and what it takes to keep the teacher's logits
on_policy    the small student goes on from the same start: on given text or on its own; equal steps, and equal time
caches       a few of the teacher's probabilities for each character: bytes, error, and the student's bits
texts        what the teacher and the small students write, to be read

Every run is written to benchmarks/results/language_models.json as soon as it is done, and a run that is there is not
run again: stop and go on whenever you like; --again forgets the sections named. All arms of a section have the same
steps and batches of the same size, and for a seed the same initial weights. Learning rates are chosen by bits per
character on the first 40 000 characters of the validation chapters; the test chapters choose nothing. One thread.
"""

import math
import statistics
import time
from functools import cache, partial
from itertools import product
from pathlib import Path

import sections
import torch
from torch.nn import functional as F
from tqdm import tqdm

from kdlab import losses
from kdlab.data import load_moby_dick
from kdlab.generation import beam_search, generate
from kdlab.language import bits_per_character, distill_on_policy, predict_text, train_language_model
from kdlab.metrics import count_parameters, distinct_n
from kdlab.models import LanguageModel, evaluating
from kdlab.teachers import load_moby_dick_teacher
from kdlab.token_caches import TokenCache, sampled_cache, top_k_cache
from kdlab.training import Recipe

RUNS = Path(__file__).parent / "runs" / "language_models"  # what takes long to compute and need not be kept
STUDENT = {"width": 48, "heads": 4, "layers": 1, "context": 32, "std": 0.08}
SMALL = {"width": 16, "heads": 2, "layers": 1, "context": 32, "std": 0.14}
RECIPE = {"steps": 300, "batch_size": 32}
WINDOW = STUDENT["context"]
RATES = (0.0035, 0.007, 0.015, 0.03)
TUNING_SEEDS, SEEDS = (100, 101), range(3)
FEW = 20_000  # characters of real text
CHOOSE = 40_000  # validation characters
PROMPT, NEW = 16, 112  # characters: how each text that a model writes begins, and how it goes on
MANY_TEXTS, FEW_TEXTS = 900, 96  # texts that the teacher writes; beam search is slow

FORWARD, REVERSE, JSD = (
    losses.kl_divergence_core, losses.reverse_kl_divergence_core, losses.jensen_shannon_divergence_core,
)  # fmt: skip
DIVERGENCES = {
    "forward KL": FORWARD,
    "JSD 0.1": partial(JSD, beta=0.1),
    "JSD 0.5": partial(JSD, beta=0.5),
    "JSD 0.9": partial(JSD, beta=0.9),
    "reverse KL": REVERSE,
}


# --- texts, the teacher, and what it says -------------------------------------------------------------


@cache
def world():
    """The tokenizer, the teacher, and the ids of the training, validation and test chapters."""
    tokenizer, teacher = load_moby_dick_teacher()
    book = load_moby_dick()
    return tokenizer, teacher, [torch.from_numpy(tokenizer.encode(text)) for text in book[:3]]


def kept(name, make):
    """What `make()` gives, kept in benchmarks/runs for the next time (delete it when the teacher changes)."""
    path = RUNS / f"{name}.pt"
    if not path.exists():
        RUNS.mkdir(parents=True, exist_ok=True)
        torch.save(make(), path)
    return torch.load(path)


@cache
def real(characters):
    """The first characters of the training chapters, and the teacher's logits along them."""
    _, teacher, (train, _, _) = world()
    text = train[:characters]
    return text, kept(f"real_{characters}", lambda: along_text(teacher, text).half()).float()


def along_text(model, text, skip=32):
    """`predict_text` in two thirds of its time: windows overlap by 32 characters only."""
    size = model.context
    starts = torch.tensor([*range(0, len(text) - size, size - skip), len(text) - size])
    logits = torch.empty(len(text), model.tokens.num_embeddings)
    for part in tqdm(starts.split(64), "the teacher reads", mininterval=10):
        for start, rows in zip(part.tolist(), along(model, text[part[:, None] + torch.arange(size)]), strict=True):
            first = skip if start else 0
            logits[start + first : start + size] = rows[first:]
    return logits


def prompts(text, count, seed):
    """Beginnings int64 (count, PROMPT) at random places of a text."""
    starts = torch.randint(len(text) - PROMPT, (count, 1), generator=torch.Generator().manual_seed(seed))
    return text[starts + torch.arange(PROMPT)]


@cache
def written(how, count):
    """Texts that the teacher wrote after beginnings from the 20 000 characters: one row of ids, its logits, and a mask.

    The mask is True where the next character is one of the teacher's, so neither a beginning nor the step from one
    text to the next counts.
    """
    _, teacher, (train, _, _) = world()

    def make():
        starts = prompts(train[:FEW], MANY_TEXTS, 0)[:count]
        if how == "beam":
            rows = [beam_search(teacher, start, NEW, beams=4)[0] for start in tqdm(starts, "beams", mininterval=10)]
            return torch.stack(rows)
        generator = torch.Generator().manual_seed(1)
        temperature = {"sampled": 1.0, "greedy": 0.0}[how]
        parts = starts.split(300)
        return torch.cat([generate(teacher, part, NEW, temperature=temperature, generator=generator) for part in parts])

    rows = kept(f"{how}_{count}", make)
    logits = kept(f"{how}_{count}_logits", lambda: along(teacher, rows).half()).float()
    places = torch.arange(rows.shape[1])
    mask = ((places >= PROMPT - 1) & (places < rows.shape[1] - 1)).repeat(len(rows))
    return rows.flatten(), logits.flatten(0, 1), mask


def along(model, rows, batch_size=64):
    """A model's logits along each row (N, L), L at most its context: (N, L, vocabulary)."""
    with evaluating(model):
        return torch.cat([model(part) for part in rows.split(batch_size)])


# --- what is measured ---------------------------------------------------------------------------------


def bits(student, part):
    """Bits per character of the student on the validation (first 40 000) or test chapters."""
    _, _, (_, validation, test) = world()
    return bits_per_character(student, {"validation": validation[:CHOOSE], "test": test}[part])


def scores(student):
    return {part: round(bits(student, part), 4) for part in ("validation", "test")}


def write_on(model, rows, length, generator):
    """`length` more characters for each row (N, PROMPT); the model reads on by half of its context."""
    while rows.shape[1] < PROMPT + length:
        rows = torch.cat([rows, generate(model, rows[:, -PROMPT:], PROMPT, generator=generator)[:, PROMPT:]], 1)
    return rows[:, : PROMPT + length]


def said(model, rows):
    """The logits (N, L - PROMPT, vocabulary) that `write_on` draws rows (N, L) from, after the beginnings."""
    starts = range(0, rows.shape[1] - PROMPT, PROMPT)
    with evaluating(model):
        parts = [model(rows[:, start : start + 2 * PROMPT - 1])[:, PROMPT - 1 :] for start in starts]
    return torch.cat(parts, 1)[:, : rows.shape[1] - PROMPT]


@cache
def held_out():
    """128 stretches of validation text, the teacher's logits along them, texts that it wrote after the same beginnings."""
    _, teacher, (_, validation, _) = world()
    text = validation[CHOOSE:]
    starts = torch.randint(len(text) - PROMPT - NEW, (128, 1), generator=torch.Generator().manual_seed(7))
    rows = text[starts + torch.arange(PROMPT + NEW)]
    own = generate(teacher, rows[:, :PROMPT], NEW, generator=torch.Generator().manual_seed(8))
    return (rows, along(teacher, rows)[:, PROMPT - 1 : -1]), (own, along(teacher, own)[:, PROMPT - 1 : -1])


@cache
def words_of_the_book():
    return set("".join(c if c.isalpha() else " " for c in load_moby_dick().train).split())


def real_words(texts):
    """The share of words in these texts that the training chapters have; the first and last of a text may be cut."""
    cut = ["".join(c if c.isalpha() else " " for c in text).split()[1:-1] for text in texts]
    found = [word in words_of_the_book() for row in cut for word in row]
    return sum(found) / max(1, len(found))


def text_measures(student, seed, curves=False):
    """What is to be said of the texts that a student writes after 128 beginnings of held-out text.

    teacher_bits  the teacher's bits per character of these texts; own_bits the student's own: the entropy of its texts
    reverse_kl    their difference, an estimate of KL(student || teacher) of whole texts, in bits per character
    curves        KL(teacher || student) in bits at each of 14 stretches of 8 characters: after what the teacher wrote,
                  after real text, after what the student wrote itself
    """
    tokenizer, teacher, _ = world()
    (text, text_logits), (theirs, their_logits) = held_out()
    own = write_on(student, text[:, :PROMPT], NEW, torch.Generator().manual_seed(1000 + seed))
    logits, teacher_logits = said(student, own), along(teacher, own)[:, PROMPT - 1 : -1]
    new = own[:, PROMPT:]
    teacher_bits, own_bits = (
        F.cross_entropy(z.flatten(0, 1), new.flatten()).item() / math.log(2) for z in (teacher_logits, logits)
    )
    found = {
        "teacher_bits": teacher_bits, "own_bits": own_bits, "reverse_kl": teacher_bits - own_bits,
        "distinct_4": distinct_n(list(new), 4), "real_words": real_words([tokenizer.decode(row) for row in new]),
    }  # fmt: skip
    if curves:
        pairs = {"teacher": (their_logits, said(student, theirs)), "real": (text_logits, said(student, text))}
        for name, (p, q) in (pairs | {"own": (teacher_logits, logits)}).items():
            found[f"kl_after_{name}"] = stretches(p, q)
    return {name: [round(v, 4) for v in x] if isinstance(x, list) else round(x, 4) for name, x in found.items()}


def stretches(teacher_logits, student_logits):
    """KL(teacher || student) in bits, mean over the rows and over stretches of 8 places: a list of 14 numbers."""
    log_p, log_q = teacher_logits.log_softmax(-1), student_logits.log_softmax(-1)
    each = (log_p.exp() * (log_p - log_q)).sum(-1).mean(0) / math.log(2)
    return each.unflatten(0, (-1, 8)).mean(-1).tolist()


# --- what the arms learn from -------------------------------------------------------------------------


def hard(text, logits, ids):
    """A cache of one token at each place."""
    return text, TokenCache(ids[:, None], torch.ones(len(ids), 1), "sampled"), None


def source(arm, characters):
    """(text, teacher, mask) of an arm."""
    if arm.startswith("teacher's text"):
        how, soft = arm.removeprefix("teacher's text: ").split(", ")[0], arm.endswith("soft targets")
        text, logits, mask = written(how, MANY_TEXTS if characters > FEW_TEXTS * NEW else FEW_TEXTS)
        return text, logits if soft else None, mask
    text, logits = real(characters)
    if arm == "text":
        return text, None, None
    if arm == "teacher's argmax":
        return hard(text, logits, logits.argmax(-1))
    if arm == "one draw from the teacher":
        generator = torch.Generator().manual_seed(2)
        return hard(text, logits, torch.multinomial(logits.softmax(-1), 1, generator=generator)[:, 0])
    return text, logits, None


def settings_of(arm):
    alpha = 0.5 if arm == "text and soft targets" else 1.0 if arm == "text" else 0.0
    return {"alpha": alpha, "temperature": 2.0 if arm.endswith("T = 2") else 1.0}


def learn(shape, text, teacher, mask, *, rate, seed, divergence=FORWARD, rest="bucket", **settings):
    """A student from its initial weights, trained on this text; and the seconds that took."""
    tokenizer = world()[0]
    student = LanguageModel(len(tokenizer), **shape, seed=seed)
    recipe = Recipe(**{**RECIPE, "temperature": 1.0, **settings}, learning_rate=rate, seed=seed)
    start = time.process_time()
    for _ in train_language_model(
        student, text, teacher, recipe=recipe, length=WINDOW, mask=mask, divergence=divergence, rest=rest
    ):
        pass
    return student.eval(), round(time.process_time() - start, 2)


ALL = 919_607  # the training chapters
TRANSFER = [
    *product(("text", "text and soft targets", "soft targets, T = 1", "soft targets, T = 2", "teacher's argmax"),
             (FEW, ALL)),
    ("one draw from the teacher", FEW),
    ("text", MANY_TEXTS * NEW),  # as much real text as the teacher wrote
    ("teacher's text: sampled", MANY_TEXTS * NEW), ("teacher's text: sampled, soft targets", MANY_TEXTS * NEW),
    ("teacher's text: sampled", FEW_TEXTS * NEW), ("teacher's text: greedy", FEW_TEXTS * NEW),
    ("teacher's text: beam", FEW_TEXTS * NEW),
    ("teacher's text: sampled, soft targets", FEW_TEXTS * NEW), ("teacher's text: greedy, soft targets", FEW_TEXTS * NEW),
]  # fmt: skip


def student_of(section, arm, characters, rate, seed):
    if section == "transfer":
        return learn(STUDENT, *source(arm, characters), rate=rate, seed=seed, **settings_of(arm))
    return learn(SMALL, *real(ALL), None, rate=rate, seed=seed, divergence=DIVERGENCES[arm], alpha=0.0)


def tuning(section, arm, characters, learning_rate, seed):
    student, seconds = student_of(section, arm, characters, learning_rate, seed)
    return {"validation": round(bits(student, "validation"), 4), "seconds": seconds}


ARMS = [("transfer", *arm) for arm in TRANSFER] + [("divergences", arm, ALL) for arm in DIVERGENCES]


def tuning_jobs():
    """All learning rates with one seed, then the two best of each arm with another."""
    for rate, (section, arm, characters) in product(RATES, ARMS):
        this = {"section": section, "arm": arm, "characters": characters}
        yield this | {"learning_rate": rate, "seed": TUNING_SEEDS[0]}
    for section, arm, characters in ARMS:
        this = {"section": section, "arm": arm, "characters": characters}
        for rate in best_rates(**this):
            yield this | {"learning_rate": rate, "seed": TUNING_SEEDS[1]}


def best_rates(section, arm, characters):
    """The two learning rates with the fewest validation bits at the first seed; fewer while they are not yet known."""
    tried = RECORD.rows("tuning", section=section, arm=arm, characters=characters, seed=TUNING_SEEDS[0])
    return [row["learning_rate"] for row in sorted(tried, key=lambda row: row["validation"])[:2]]


def best_rate(section, arm, characters):
    """The learning rate with the fewest validation bits in the mean of both seeds."""
    found = {}
    for row in RECORD.rows("tuning", section=section, arm=arm, characters=characters):
        found.setdefault(row["learning_rate"], []).append(row["validation"])
    return min((rate for rate in found if len(found[rate]) == 2), key=lambda rate: sum(found[rate]))


def transfer(arm, characters, seed):
    rate = best_rate("transfer", arm, characters)
    student, seconds = student_of("transfer", arm, characters, rate, seed)
    return {"learning_rate": rate, **scores(student), "seconds": seconds}


def transfer_jobs():
    yield from ({"arm": arm, "characters": count, "seed": seed} for seed, (arm, count) in product(SEEDS, TRANSFER))


def divergences(arm, seed):
    rate = best_rate("divergences", arm, ALL)
    student, seconds = student_of("divergences", arm, ALL, rate, seed)
    return {"learning_rate": rate, **scores(student), **text_measures(student, seed), "seconds": seconds}


def other_rates(arm, learning_rate, seed):
    student, seconds = learn(
        SMALL, *real(ALL), None, rate=learning_rate, seed=seed, divergence=DIVERGENCES[arm], alpha=0.0
    )  # fmt: skip
    return {**scores(student), **text_measures(student, seed), "seconds": seconds}


def other_rates_jobs():
    """The rate, of the two that won anywhere, that an arm of `divergences` did not get."""
    for seed, arm in product(SEEDS, ("forward KL", "JSD 0.1", "reverse KL")):
        other = {0.015: 0.03, 0.03: 0.015}[best_rate("divergences", arm, ALL)]
        yield {"arm": arm, "learning_rate": other, "seed": seed}


def divergences_jobs():
    yield from ({"arm": arm, "seed": seed} for seed, arm in product(SEEDS, DIVERGENCES))


# --- on the student's own text ------------------------------------------------------------------------

# arm -> (the share of steps on its own text, divergence, weight of the part that looks ahead)
ON_POLICY = {
    "given text, forward KL": (None, FORWARD, 0.0),
    "given text, reverse KL": (None, REVERSE, 0.0),
    "own text, forward KL": (1.0, FORWARD, 0.0),
    "own text, reverse KL": (1.0, REVERSE, 0.0),
    "own text, reverse KL, looks ahead": (1.0, REVERSE, 1.0),
}
MORE_STEPS, LATE_RATE = 80, 0.003


@cache
def beginner(seed):
    """The small student after 300 steps with forward KL: where all arms of `on_policy` start."""
    return learn(SMALL, *real(ALL), None, rate=best_rate("divergences", "forward KL", ALL), seed=seed, alpha=0.0)[0]


def go_on(arm, steps, seed):
    """The beginner after so many more steps at one learning rate for all, and the seconds that they took."""
    _, teacher, _ = world()
    text, logits = real(ALL)
    on_policy, divergence, long_term = ON_POLICY[arm]
    student = LanguageModel(len(world()[0]), **SMALL)
    student.load_state_dict(beginner(seed).state_dict())
    recipe = Recipe(temperature=1.0, alpha=0.0, steps=steps, batch_size=32, learning_rate=LATE_RATE, seed=seed + 10)
    if on_policy is None:
        run = train_language_model(student, text, logits, recipe=recipe, length=WINDOW, divergence=divergence)
    else:
        run = distill_on_policy(
            student, teacher, text, recipe=recipe, length=WINDOW, prompt=PROMPT // 2, on_policy=on_policy,
            divergence=divergence, long_term=long_term,
        )  # fmt: skip
    start = time.process_time()
    for _ in run:
        pass
    return student.eval(), time.process_time() - start


def steps_of_equal_time():
    """How many steps on given text, its logits at hand, take as long as 80 on own text, by what `costs` recorded."""
    given, own = (RECORD.rows("costs", what=what)[0]["milliseconds"] for what in (STEP_COSTS[0], STEP_COSTS[2]))
    return round(MORE_STEPS * own / given)


def on_policy(arm, budget, seed):
    if arm == "start":
        return {**scores(beginner(seed)), **text_measures(beginner(seed), seed, curves=True)}
    steps = MORE_STEPS if budget == "equal steps" else steps_of_equal_time()
    student, seconds = go_on(arm, steps, seed)
    measured = {**scores(student), **text_measures(student, seed, curves=True)}
    return {"steps": steps, **measured, "seconds": round(seconds, 2)}


def on_policy_jobs():
    for seed in SEEDS:
        yield {"arm": "start", "budget": None, "seed": seed}
        yield from ({"arm": arm, "budget": "equal steps", "seed": seed} for arm in ON_POLICY)
        for arm in ("given text, forward KL", "given text, reverse KL"):
            yield {"arm": arm, "budget": "equal time", "seed": seed}


# --- what a step costs --------------------------------------------------------------------------------

STEP_COSTS = (
    "given text, logits at hand", "given text, the teacher asked in each step", "own text, the teacher asked in each step",
)  # fmt: skip


def costs(what):
    """Processor milliseconds for a step of the small student, the median of 5 times 20; or seconds to keep the logits."""
    _, teacher, (train, _, _) = world()
    if what == "keeping the logits":
        part = train[:50_000]
        start = time.process_time()
        along_text(teacher, part)
        return {"seconds": round((time.process_time() - start) * len(train) / len(part), 1), "characters": len(train)}
    text, logits = real(FEW)
    recipe = Recipe(temperature=1.0, alpha=0.0, steps=20, batch_size=32, learning_rate=LATE_RATE)
    found = []
    for _ in range(5):
        student = LanguageModel(len(world()[0]), **SMALL)
        if what == STEP_COSTS[0]:
            run = train_language_model(student, text, logits, recipe=recipe, length=WINDOW, divergence=REVERSE)
        else:
            share = float(what.startswith("own"))
            run = distill_on_policy(
                student, teacher, text, recipe=recipe, length=WINDOW, prompt=PROMPT // 2, on_policy=share
            )
        start = time.process_time()
        for _ in run:
            pass
        found.append((time.process_time() - start) / 20 * 1000)
    return {"milliseconds": round(statistics.median(found), 2)}


def costs_jobs():
    yield from ({"what": what} for what in (*STEP_COSTS, "keeping the logits"))


# --- a few probabilities for each character -----------------------------------------------------------

KINDS = {
    "top, bucket": (1, 2, 4, 8), "top, renormalised": (1, 2, 4, 8), "sampled": (1, 2, 4, 8),
    "top, both renormalised": (2, 4, 8),  # of a single token it says nothing at all
}  # fmt: skip


def cache_of(kind, size, logits, seed):
    """The cache, and the probabilities (M, vocabulary) that a student takes it for."""
    if kind == "full":
        return logits, logits.softmax(-1)
    if kind == "sampled":
        kept = sampled_cache(logits, size, torch.Generator().manual_seed(seed))
    else:
        kept = top_k_cache(logits, size)
    weights = kept.weights
    if kind == "top, renormalised":  # shares that sum to 1: `sampled_cross_entropy` is then KL plus a constant
        weights = weights / weights.sum(-1, keepdim=True)
    p = torch.zeros_like(logits).scatter_add(-1, kept.ids, weights)
    if kind in ("top, bucket", "top, both renormalised"):  # what is left over is anybody's
        return kept, p
    return TokenCache(kept.ids, weights, "sampled"), p


def caches(kind, size, seed):
    text, logits = real(FEW)
    rate = best_rate("transfer", "soft targets, T = 1", FEW)
    kept, p = cache_of(kind, size, logits, seed)
    rest = "renormalise both" if kind == "top, both renormalised" else "bucket"
    student, seconds = learn(STUDENT, text, kept, None, rate=rate, seed=seed, alpha=0.0, rest=rest)
    true = logits.softmax(-1)
    taught = predict_text(student, world()[2][1][:CHOOSE])
    heard = kept_logits("validation")
    found = {
        "bytes": 2 * logits.shape[1] if kind == "full" else (kept.nbytes if size else 0) / len(text),
        "error": (p - true).abs().sum(-1).mean().item() / 2,  # total variation at a place
        "bias": (p.mean(0) - true.mean(0)).abs().sum().item() / 2,  # and of the mean over the places
        "kl": losses.kl_divergence(taught, heard).item() / math.log(2),
    }
    return {"learning_rate": rate, **scores(student), **{n: round(v, 4) for n, v in found.items()}, "seconds": seconds}


@cache
def kept_logits(part):
    return kept(part, lambda: along_text(world()[1], world()[2][1][:CHOOSE]).half()).float()


def caches_jobs():
    for seed in SEEDS:
        yield {"kind": "full", "size": 39, "seed": seed}
        yield from ({"kind": kind, "size": size, "seed": seed} for kind, sizes in KINDS.items() for size in sizes)


# --- to be read ---------------------------------------------------------------------------------------


def texts(writer):
    tokenizer, _, _ = world()
    if writer in ("sampled", "greedy", "beam"):
        rows = written(writer, FEW_TEXTS)[0].view(FEW_TEXTS, -1)
        found = {"distinct_4": round(distinct_n(list(rows[:, PROMPT:]), 4), 4)}
    elif writer == "real":
        rows, found = held_out()[0][0], {}
        found = {
            "distinct_4": round(distinct_n(list(rows[:FEW_TEXTS, PROMPT:]), 4), 4),
            "real_words": round(real_words([tokenizer.decode(row[PROMPT:]) for row in rows]), 4),
        }
    elif writer == "teacher":
        rows, logits = held_out()[1]
        own = F.cross_entropy(logits.flatten(0, 1), rows[:, PROMPT:].flatten()).item() / math.log(2)
        words = real_words([tokenizer.decode(row[PROMPT:]) for row in rows])
        found = {
            "teacher_bits": round(own, 4), "real_words": round(words, 4),
            "distinct_4": round(distinct_n(list(rows[:, PROMPT:]), 4), 4),
        } | {part: round(bits(world()[1], part), 4) for part in ("validation", "test")}  # fmt: skip
    else:
        student, _ = student_of("divergences", writer, ALL, best_rate("divergences", writer, ALL), 0)
        start = torch.from_numpy(tokenizer.encode("the white whale ")).expand(4, -1)
        rows, found = write_on(student, start, NEW, torch.Generator().manual_seed(5)), {}
    return {"texts": [tokenizer.decode(row) for row in rows[:4]], **found}


def texts_jobs():
    yield from ({"writer": writer} for writer in ("real", "teacher", "sampled", "greedy", "beam", *DIVERGENCES))


# --- running --------------------------------------------------------------------------------------


def facts():
    size = len(world()[0])
    return {
        "student": STUDENT | {"parameters": count_parameters(LanguageModel(size, **STUDENT))},
        "small": SMALL | {"parameters": count_parameters(LanguageModel(size, **SMALL))},
        "teacher": {"parameters": count_parameters(world()[1])},
        "recipe": RECIPE,
    }


RECORD = sections.Record("language_models", facts)
SECTIONS = {
    "tuning": (tuning, tuning_jobs),
    "transfer": (transfer, transfer_jobs),
    "divergences": (divergences, divergences_jobs),
    "other_rates": (other_rates, other_rates_jobs),
    "costs": (costs, costs_jobs),
    "on_policy": (on_policy, on_policy_jobs),
    "caches": (caches, caches_jobs),
    "texts": (texts, texts_jobs),
}

if __name__ == "__main__":
    sections.main(RECORD, SECTIONS, __doc__.splitlines()[0])
