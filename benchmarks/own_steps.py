"""The experiments of lesson 14: python benchmarks/own_steps.py [--again] [section ...]

walks        students on an 8 x 8 grid go on from one start: on given walks, on their own, on walks written anew
addition     answers, written-out steps, a teacher's sampled steps, with and without a checker; long ways and short ones
text         a student of 4448 weights goes on from one start: on given text, on its own, looking ahead with a baseline
precision    the same on its own text at one large rate, which was not tuned
drafting     what drafters are trained with, and what a large model accepts of their text
pieces       a student of word pieces and a teacher of characters: text only, sorted probabilities, exact ones

Each has a section NAME_tried before it: every arm at three learning rates or more, two seeds that are not reported, until
the best rate has a worse one on either side. The best is run with SEEDS; the arms of a seed share their initial weights. A rate is
chosen on prompts or text of its own. Every run is written to benchmarks/results/own_steps.json as soon as it is done:
stop and go on whenever you like. One thread.
"""

import statistics
import time
from functools import cache, partial

import torch
from language_models import real_words
from sections import Record, main

from kdlab import arithmetic, drafting, losses, pieces, walks
from kdlab.data import load_moby_dick
from kdlab.generation import generate
from kdlab.language import bits_per_character, distill_on_policy, predict_text, train_language_model
from kdlab.metrics import distinct_n
from kdlab.models import LanguageModel, evaluating
from kdlab.teachers import load_moby_dick_teacher
from kdlab.training import Recipe, drain

SEEDS, TRIAL_SEEDS = range(3), (100, 101)
ONE_TRIAL = (100,)  # where a run takes longer
LN_2 = 0.6931472
FORWARD, REVERSE = losses.kl_divergence_core, losses.reverse_kl_divergence_core


# --- learning rates ----------------------------------------------------------------------------------


def tries(section, arms, middle, seeds=TRIAL_SEEDS):
    """The jobs of a section that looks for each arm's learning rate: `middle` and its neighbours, then on downhill."""
    for arm in arms:
        rates = [middle / 2, middle, 2 * middle]
        while True:
            yield from ({"arm": arm, "rate": rate, "seed": seed} for rate in rates for seed in seeds)
            scores = scores_of(section, arm, len(seeds))
            if not set(rates) <= set(scores):
                break  # not run yet
            best = min(scores, key=scores.get)
            if rates[0] < best < rates[-1]:
                break
            rates = [rates[0] / 2, *rates] if best == rates[0] else [*rates, 2 * rates[-1]]


def scores_of(section, arm, seeds=1):
    """{rate: mean score of the trial seeds}, of the rates that have so many; less is better."""
    found = {}
    for row in RECORD.rows(section, arm=arm):
        found.setdefault(row["rate"], []).append(row["score"])
    return {rate: statistics.mean(s) for rate, s in found.items() if len(s) >= seeds}


def rate_of(section, arm):
    scores = scores_of(section, arm)
    return min(scores, key=scores.get)


def fresh(arms, seeds=SEEDS):
    """The jobs of a section that reports."""
    yield from ({"arm": arm, "seed": seed} for seed in seeds for arm in arms)


# --- walks on a grid ------------------------------------------------------------------------------------

WALK_STEPS, FEW_WALKS, LONGER = 300, 300, 600  # LONGER: about the time of WALK_STEPS on own walks
WALK_ARMS = {  # arm: (the arm that it goes on from, steps, share of own walks, divergence)
    "start": (None, WALK_STEPS, 0.0, FORWARD),
    "given, forward KL": ("start", WALK_STEPS, 0.0, FORWARD),
    "given, reverse KL": ("start", WALK_STEPS, 0.0, REVERSE),
    "given, equal time": ("start", LONGER, 0.0, FORWARD),
    "own, forward KL": ("start", WALK_STEPS, 1.0, FORWARD),
    "own, reverse KL": ("start", WALK_STEPS, 1.0, REVERSE),
    "half own, forward KL": ("start", WALK_STEPS, 0.5, FORWARD),
    "written anew": ("start", WALK_STEPS, 0.0, FORWARD),
    "unlimited start": (None, WALK_STEPS, 0.0, FORWARD),
    "unlimited, given": ("unlimited start", WALK_STEPS, 0.0, FORWARD),
    "unlimited, own": ("unlimited start", WALK_STEPS, 1.0, FORWARD),
}


@cache
def few_walks(seed):
    generator = torch.Generator().manual_seed(seed)
    return walks.teacher_writes(walks.prompts(FEW_WALKS, generator), generator)


def walks_for(arm, seed):
    """The walks of an arm, or a function that makes them."""
    if arm.startswith("unlimited"):
        return lambda count, generator: walks.teacher_writes(walks.prompts(count, generator), generator)
    few = few_walks(seed)
    if arm == "written anew":
        return lambda count, generator: walks.teacher_writes(
            few[torch.randint(len(few), (count,), generator=generator), : walks.PROMPT], generator
        )
    return few


def new_walker(seed):
    return LanguageModel(walks.VOCABULARY, width=32, heads=4, layers=1, context=24, std=0.55 / 32**0.5, seed=seed)


@cache
def walker(arm, seed, rate=None):
    """A trained student, and the seconds that took."""
    before, steps, on_policy, divergence = WALK_ARMS[arm]
    student = new_walker(seed)
    if before:
        student.load_state_dict(walker(before, seed)[0].state_dict())
    recipe = Recipe(1.0, 0.0, steps, 64, rate or rate_of("walks_tried", arm), seed)
    start = time.process_time()
    run = walks.train_walker(student, walks_for(arm, seed), recipe=recipe, on_policy=on_policy, divergence=divergence)
    drain(run)
    return student.eval(), round(time.process_time() - start, 2)


def walked(student, seed, count=1000):
    """How many of 1000 new prompts end at the goal, and how far the student is from the teacher, in nats, where."""
    generator = torch.Generator().manual_seed(seed)
    starts = walks.prompts(count, generator)
    own = generate(student, starts, walks.LONGEST, generator=generator)
    greedy = generate(student, starts, walks.LONGEST, temperature=0)
    found = {
        "sampled": walks.arrived(own).float().mean().item(),
        "greedy": walks.arrived(greedy).float().mean().item(),
        "wrong_turns": (walks.wrong_turns(own).sum() / walks.counts(own).sum()).item(),
    }
    for name, ids in (("own", own), ("teacher", walks.teacher_writes(starts, generator))):
        mask = walks.counts(ids)[:, 1:]
        with evaluating(student):
            logits, taught = student(ids[:, :-1])[mask], walks.teacher(ids[:, :-1])[mask]
        found[f"kl_after_{name}"] = FORWARD(logits, taught).item()
    return {name: round(value, 4) for name, value in found.items()}


def walks_tried(arm, rate, seed):
    student, _ = walker(arm, seed, rate)
    return {"score": round(1 - walked(student, 5)["sampled"], 4)}


def walks_run(arm, seed):
    student, seconds = walker(arm, seed)
    return {"rate": rate_of("walks_tried", arm), **walked(student, 6), "seconds": seconds}


# --- addition with carries --------------------------------------------------------------------------------

ADD_STEPS, DIGITS = 600, (1, 2, 3)
COUNTS = {1: 40, 2: 200, 3: 360}  # problems that students learn from, by digits
DRAWS = 4  # texts of the teacher for each problem
ADD_ARMS = (
    "answers", "written out", "four samples, unchecked", "four samples, checked", "checked, shortened",
)  # fmt: skip


def new_adder(seed, layers=1, width=32):
    return LanguageModel(len(arithmetic.TOKENIZER), width=width, heads=4, layers=layers, context=64, std=0.55 / width**0.5,
                         seed=seed)  # fmt: skip


def learn_additions(student, texts, recipe):
    """Trained on whole texts, next-token cross-entropy, of which what follows the prompt counts."""
    drain(arithmetic.train_adder(student, texts, recipe=recipe))
    return student.eval()


def asked(seed, counts, but=()):
    """Different problems for each number of digits, none of those in `but`."""
    generator, found = torch.Generator().manual_seed(seed), []
    for digits, count in counts.items():
        pool = dict.fromkeys(arithmetic.problems(digits, 20 * count, generator))
        found += [pair for pair in pool if pair not in but][:count]
    return found


@cache
def lessons_of(seed):
    """The problems that a student of this seed learns from."""
    return asked(1000 + seed, COUNTS)


@cache
def add_teacher():
    """A teacher that writes long ways, and errs: so few steps are meant."""
    pairs = [
        pair for digits in DIGITS for pair in arithmetic.problems(digits, 6000, torch.Generator().manual_seed(digits))
    ]
    texts = [arithmetic.prompt(*pair) + arithmetic.written_out(*pair) for pair in pairs]
    return learn_additions(new_adder(7, layers=2, width=48), texts, Recipe(1.0, 0.0, TEACHER_STEPS, 64, 0.005, 7))


TEACHER_STEPS = 450


@cache
def sampled(seed):
    """{problem: the teacher's DRAWS texts}"""
    pairs = lessons_of(seed)
    generator = torch.Generator().manual_seed(2000 + seed)
    rows = [arithmetic.write(add_teacher(), pairs, generator=generator) for _ in range(DRAWS)]
    return {pair: texts for pair, *texts in zip(pairs, *rows, strict=True)}


def texts_of(arm, seed):
    """What a student learns from: whole texts."""
    pairs, draws = lessons_of(seed), sampled(seed)
    if arm in ("answers", "written out"):
        style = {"answers": "answer", "written out": "long"}[arm]
        return [arithmetic.prompt(*pair) + arithmetic.written_out(*pair, style) for pair in pairs]
    kept = [(pair, text) for pair in pairs for text in draws[pair] if arithmetic.is_right(text, *pair)]
    if arm == "four samples, unchecked":
        everything = [(pair, text) for pair in pairs for text in draws[pair]]
        order = torch.randperm(len(everything), generator=torch.Generator().manual_seed(seed)).tolist()
        kept = [everything[k] for k in order[: len(kept)]]
    rewrite = arithmetic.shortened if arm == "checked, shortened" else str
    return [arithmetic.prompt(*pair) + rewrite(text) for pair, text in kept]


def adder(arm, seed, rate):
    student, texts, start = new_adder(seed), texts_of(arm, seed), time.process_time()
    learn_additions(student, texts, Recipe(1.0, 0.0, ADD_STEPS, 64, rate, seed))
    return student, texts, round(time.process_time() - start, 2)


def exact(student, pairs):
    """{digits: share of these problems that the student, greedy, gets right}, and the tokens that it writes on average."""
    written = arithmetic.write(student, pairs, temperature=0)
    right = {}
    for pair, text in zip(pairs, written, strict=True):
        right.setdefault(str(len(str(pair[0]))), []).append(arithmetic.is_right(text, *pair))
    shares = {digits: round(statistics.mean(values), 4) for digits, values in right.items()}
    return {"exact": shares, "tokens": round(statistics.mean(map(len, written)), 2)}


def addition_tried(arm, rate, seed):
    student, _, _ = adder(arm, seed, rate)
    pairs = asked(3000 + seed, {2: 150, 3: 150}, but=set(lessons_of(seed)))
    return {"score": round(1 - statistics.mean(exact(student, pairs)["exact"].values()), 4)}


def addition(arm, seed):
    rate = rate_of("addition_tried", arm)
    student, texts, seconds = adder(arm, seed, rate)
    pairs = asked(4000 + seed, {1: 40, 2: 300, 3: 300, 4: 300}, but=set(lessons_of(seed)))
    return {"rate": rate, "texts": len(texts), **exact(student, pairs), "seconds": seconds}


def addition_teacher(what):
    """What the teacher's texts are like: how many are right, greedy and sampled; some of them to be read."""
    pairs = asked(4000, {1: 40, 2: 300, 3: 300, 4: 300})
    texts = sampled(0)
    every = [(pair, text) for pair, own in texts.items() for text in own]
    right = [(pair, text) for pair, text in every if arithmetic.is_right(text, *pair)]
    lucky = [pair for pair, text in right if not arithmetic.steps_are_right(text, *pair)]
    return {
        "greedy": exact(add_teacher(), pairs)["exact"], "sampled_right": round(len(right) / len(every), 4),
        "right_by_wrong_steps": round(len(lucky) / len(right), 4),
        "problems_never_right": sum(not any(arithmetic.is_right(t, *p) for t in own) for p, own in texts.items()),
        "samples": [[*pair, *own] for pair, own in texts.items()],
    }  # fmt: skip


# --- text: a student of 4448 weights goes on from one start ----------------------------------------------

TEXT_STEPS, TEXT_BATCH, PROMPT, LENGTH, EQUAL_TIME = 80, 16, 8, 32, 900
TEXT_ARMS = {  # arm: (steps, share of own text, divergence, options of distill_on_policy); no share: cached logits
    "start": (300, None, FORWARD, {}),
    "given, reverse KL": (TEXT_STEPS, None, REVERSE, {}),
    "given, reverse KL, equal time": (EQUAL_TIME, None, REVERSE, {}),
    "own, reverse KL": (TEXT_STEPS, 1.0, REVERSE, {}),
    "own, looking ahead, no baseline": (TEXT_STEPS, 1.0, REVERSE, {"long_term": 1.0, "baseline": False}),
    "own, looking ahead": (TEXT_STEPS, 1.0, REVERSE, {"long_term": 1.0}),
}


def new_writer(seed):
    return LanguageModel(39, width=16, heads=2, layers=1, context=LENGTH, std=0.14, seed=seed)


@cache
def writer(arm, seed, rate=None):
    """A trained student, and the seconds that took."""
    steps, own, divergence, options = TEXT_ARMS[arm]
    _, teacher, text, logits = book()
    student = new_writer(seed)
    if arm != "start":
        student.load_state_dict(writer("start", seed)[0].state_dict())
    recipe = Recipe(1.0, 0.0, steps, TEXT_BATCH, rate or rate_of("text_tried", arm), seed)
    start = time.process_time()
    if own is None:
        run = train_language_model(student, text, logits, recipe=recipe, length=LENGTH, divergence=divergence)
    else:
        run = distill_on_policy(student, teacher, text, recipe=recipe, length=LENGTH, prompt=PROMPT, on_policy=own,
                                divergence=divergence, **options)  # fmt: skip
    drain(run)
    return student.eval(), round(time.process_time() - start, 2)


def said_of(model, part, seed):
    """What is to be said of 256 texts of 24 characters that a model writes after beginnings of 8.

    teacher_bits  the teacher's bits per character of them; own_bits the model's own; reverse_kl their difference
    """
    tokenizer, teacher, _, _ = book()
    held_out = torch.from_numpy(tokenizer.encode(getattr(load_moby_dick(), part)))
    generator = torch.Generator().manual_seed(seed)
    starts = torch.randint(len(held_out) - PROMPT, (256, 1), generator=generator)
    ids = generate(model, held_out[starts + torch.arange(PROMPT)], LENGTH - PROMPT, generator=generator)
    bits = {}
    for name, reader in (("teacher_bits", teacher), ("own_bits", model)):
        with evaluating(reader):
            bits[name] = losses.cross_entropy_core(reader(ids[:, :-1])[:, PROMPT - 1 :], ids[:, PROMPT:]).item() / LN_2
    new = ids[:, PROMPT:]
    return {
        **bits, "reverse_kl": bits["teacher_bits"] - bits["own_bits"], "distinct_4": distinct_n(list(new), 4),
        "real_words": real_words([tokenizer.decode(row) for row in new]), "text": tokenizer.decode(ids[:12].flatten()),
    }  # fmt: skip


def rounded(found):
    return {name: round(value, 4) if isinstance(value, float) else value for name, value in found.items()}


def text_tried(arm, rate, seed):
    student, _ = writer(arm, seed, rate)
    if arm == "start":
        return {"score": round(held_out_bits(student, "validation"), 4)}
    return {"score": round(said_of(student, "validation", 5)["reverse_kl"], 4)}


def held_out_bits(student, part):
    ids = torch.from_numpy(book()[0].encode(getattr(load_moby_dick(), part)[:20_000]))
    return bits_per_character(student, ids, LENGTH)


def text_run(arm, seed):
    student, seconds = writer(arm, seed)
    rate = rate_of("text_tried", arm)
    found = {"rate": rate, "test": held_out_bits(student, "test"), **said_of(student, "test", 6), "seconds": seconds}
    return rounded(found)


PRECISION_RATE = 0.016  # far above what the reverse KL of whole texts chooses for looking ahead
PRECISION_ARMS = [arm for arm in TEXT_ARMS if arm.startswith("own")]


def precision(arm, seed):
    """What becomes of own text at one and the same, large rate: not tuned, meant to show a direction."""
    student, _ = writer(arm, seed, PRECISION_RATE)
    return rounded({"test": held_out_bits(student, "test"), **said_of(student, "test", 6)})


def text_teacher(what):
    """The same figures for the teacher's own text, and what a step costs, in milliseconds of one thread."""
    _, teacher, text, logits = book()
    student, recipe = new_writer(0), Recipe(1.0, 0.0, 20, TEXT_BATCH, 0.003, 0)
    start = time.process_time()
    predict_text(teacher, text[:20_000])
    costs = {"cache_of_20000_seconds": round(time.process_time() - start, 2)}
    given = partial(distill_on_policy, student, teacher, text, recipe=recipe, length=LENGTH, prompt=PROMPT)
    runs = {
        "given, cached": lambda: train_language_model(student, text, logits, recipe=recipe, length=LENGTH),
        "given, teacher asked": lambda: given(on_policy=0.0),
        "own": lambda: given(on_policy=1.0),
    }
    for name, run in runs.items():
        drain(run())  # once to get warm
        start = time.process_time()
        drain(run())
        costs[f"{name}, ms a step"] = round(1000 * (time.process_time() - start) / recipe.steps, 2)
    return rounded(said_of(teacher, "test", 6)) | costs


# --- drafting -------------------------------------------------------------------------------------------------

DRAFT_STEPS, DRAFT_CHARACTERS = 200, 20_000
DRAFT_ARMS = {
    "labels": None,
    "forward KL": FORWARD,
    "reverse KL": REVERSE,
    "total variation": losses.total_variation_loss_core,
}
AHEAD = (1, 2, 4, 8)


@cache
def book():
    """The tokenizer, the teacher, the text that drafters learn from with its logits, and texts that the teacher wrote."""
    tokenizer, teacher = load_moby_dick_teacher()
    text = torch.from_numpy(tokenizer.encode(load_moby_dick().train[:DRAFT_CHARACTERS]))
    return tokenizer, teacher, text, predict_text(teacher, text)


@cache
def teachers_text(part):
    """Texts that the teacher wrote after held-out beginnings, ids (64, 128), and its logits after each token."""
    _, teacher, _, _ = book()
    held_out = torch.from_numpy(book()[0].encode(getattr(load_moby_dick(), part)))
    starts = held_out[: 64 * 16].view(64, 16)
    ids = generate(teacher, starts, 112, generator=torch.Generator().manual_seed(11))
    with evaluating(teacher):
        return ids, teacher(ids)[:, 15:-1]


def drafter(arm, seed, rate):
    _, _, text, logits = book()
    student = LanguageModel(39, width=48, heads=4, layers=1, context=128, std=0.08, seed=seed)
    options = {"length": 128} if arm == "labels" else {"length": 128, "divergence": DRAFT_ARMS[arm]}
    recipe = Recipe(1.0, 1.0 if arm == "labels" else 0.0, DRAFT_STEPS, 4, rate, seed)
    drain(train_language_model(student, text, None if arm == "labels" else logits, recipe=recipe, **options))
    return student.eval()


def accepted(student, part):
    """Mean of the sum of min(p, q) after what the teacher wrote."""
    ids, taught = teachers_text(part)
    with evaluating(student):
        return drafting.acceptance(student(ids)[:, 15:-1], taught).mean().item()


def drafting_tried(arm, rate, seed):
    return {"score": round(1 - accepted(drafter(arm, seed, rate), "validation"), 4)}


def drafting_run(arm, seed):
    rate = rate_of("drafting_tried", arm)
    student = drafter(arm, seed, rate)
    _, teacher, _, _ = book()
    ids, taught = teachers_text("test")
    found = {"rate": rate, "acceptance": round(accepted(student, "test"), 4)}
    with evaluating(student):
        found["bits"] = round(FORWARD(student(ids)[:, 15:-1], taught).item() / LN_2, 4)
    passes = {}
    for ahead in AHEAD:
        generator = torch.Generator().manual_seed(seed)
        rounds = [
            turn
            for start in ids[:2, :16]
            for turn in drafting.write(teacher, student, start, 100, ahead=ahead, generator=generator)
        ]
        passes[str(ahead)] = round(len(rounds) / sum(len(turn.accepted) + 1 for turn in rounds), 4)
    return found | {"passes": passes}


# --- a student of word pieces ---------------------------------------------------------------------------------

PIECE_CHARACTERS, PIECE_STEPS, PIECE_BATCH, PIECE_LENGTH = 10_000, 300, 16, 32
PIECE_BEFORE = 48  # characters that the teacher reads before each place
PIECE_SEEDS = range(5)
SORTED_WEIGHTS = (0.1, 0.3, 1.0, 3.0)  # of the sorted distance, beside the cross-entropy of the text
PIECE_ARMS = {  # arm: (what the teacher gives, weights of the sorted distance to it)
    "text only": (None, ()),
    "text only, ten times as much": (None, ()),
    "sorted, characters": ("characters", SORTED_WEIGHTS),
    "sorted, pieces": ("pieces", SORTED_WEIGHTS),
    "exact, nothing ruled out": ("nothing ruled out", ()),
    "exact": ("pieces", ()),
}
PIECE_TRIED = [
    variant
    for arm, (_, weights) in PIECE_ARMS.items()
    for variant in ([f"{arm}, weight {weight:g}" for weight in weights] or [arm])
]


@cache
def piece_tokenizer():
    return pieces.LongestPieceTokenizer.train(load_moby_dick().train[:100_000], 60)


def piece_ids(text):
    return torch.from_numpy(piece_tokenizer().encode(text))


@cache
def piece_lessons():
    """The pieces of the text, ids (M,), and what the teacher says after each of them, {name: probabilities (M, pieces)}."""
    tokenizer, teacher = load_moby_dick_teacher()
    own, text = piece_tokenizer(), load_moby_dick().train[: PIECE_BEFORE + PIECE_CHARACTERS]
    strings = own.pieces(text)
    ends = torch.tensor([len(piece) for piece in strings]).cumsum(0)
    kept = [n for n, end in enumerate(ends.tolist()) if end >= PIECE_BEFORE]
    before = torch.from_numpy(tokenizer.encode(text)).unfold(0, PIECE_BEFORE, 1)[ends[kept] - PIECE_BEFORE]
    out = [own.ruled_out(strings[max(0, n - own.longest) : n + 1]) for n in kept]
    watched = {*own.vocabulary, *(string for strings in out for string in strings)}
    parts = [pieces.beginnings(teacher, rows, tokenizer, watched) for rows in before.split(64)]
    begins = {string: torch.cat([part[string] for part in parts]) for string in parts[0]}
    exact = torch.zeros(len(kept), len(own), dtype=torch.double)
    for strings_out in set(out):
        rows = torch.tensor([n for n, found in enumerate(out) if found == strings_out])
        exact[rows] = pieces.next_piece({name: p[rows] for name, p in begins.items()}, own, strings_out)
    characters = torch.zeros_like(exact)
    characters[:, : len(tokenizer)] = torch.stack([begins[c] for c in tokenizer.vocabulary], 1)
    said = {"pieces": exact, "nothing ruled out": pieces.next_piece(begins, own), "characters": characters}
    return piece_ids(text)[kept], {name: p.float() for name, p in said.items()}


def sorted_distance(student_logits, teacher_logits, temperature=1.0):
    return pieces.sorted_distance(student_logits, teacher_logits)


def piece_student(variant, seed, rate):
    arm, _, weight = variant.partition(", weight ")
    ids, said = piece_lessons()
    if arm == "text only, ten times as much":
        ids = piece_ids(load_moby_dick().train[PIECE_BEFORE : PIECE_BEFORE + 10 * PIECE_CHARACTERS])
    kind, _ = PIECE_ARMS[arm]
    told = None if kind is None else said[kind].clamp(min=1e-9).log()
    alpha = 1 / (1 + float(weight)) if weight else float(kind is None)
    options = {"divergence": sorted_distance if weight else FORWARD}
    student = LanguageModel(
        len(piece_tokenizer()), width=48, heads=4, layers=1, context=PIECE_LENGTH, std=0.08, seed=seed
    )
    recipe = Recipe(1.0, alpha, PIECE_STEPS, PIECE_BATCH, rate, seed)
    start = time.process_time()
    drain(train_language_model(student, ids, told, recipe=recipe, length=PIECE_LENGTH, **options))
    return student.eval(), round(time.process_time() - start, 2)


def piece_bits(student, part):
    """Bits for each *character* of held-out text, so that students of other tokens compare."""
    text = getattr(load_moby_dick(), part)[:40_000]
    ids = piece_ids(text)
    logits = predict_text(student, ids, PIECE_LENGTH)[:-1]
    bits = losses.cross_entropy_core(logits, ids[1:]).item() * (len(ids) - 1) / LN_2
    return round(bits / (len(text) - len(piece_tokenizer().vocabulary[ids[0]])), 4)


def pieces_tried(arm, rate, seed):
    return {"score": piece_bits(piece_student(arm, seed, rate)[0], "validation")}


def best_variant(arm):
    """The arm with the weight that was best at its best rate, and that rate."""
    variants = [variant for variant in PIECE_TRIED if variant.partition(", weight ")[0] == arm]
    lowest = {variant: min(scores_of("pieces_tried", variant).values()) for variant in variants}
    best = min(lowest, key=lowest.get)
    return best, rate_of("pieces_tried", best)


def pieces_run(arm, seed):
    variant, rate = best_variant(arm)
    student, seconds = piece_student(variant, seed, rate)
    found = {"rate": rate, "test": piece_bits(student, "test"), "seconds": seconds}
    weight = variant.partition(", weight ")[2]
    return found | ({"weight": float(weight)} if weight else {})


def pieces_teacher(what):
    """What the exact probabilities say of the text that they are for, and the teacher of held-out characters."""
    start = time.process_time()
    ids, said = piece_lessons()
    seconds, count = time.process_time() - start, sum(len(piece_tokenizer().vocabulary[n]) for n in ids[1:].tolist())
    bits = {
        name: -said[name][:-1].gather(1, ids[1:, None]).log2().sum().item() / count
        for name in ("pieces", "nothing ruled out")
    }
    impossible = (said["nothing ruled out"] * (said["pieces"] == 0)).sum(1).mean().item()
    tokenizer, teacher = load_moby_dick_teacher()
    test = torch.from_numpy(tokenizer.encode(load_moby_dick().test[:40_000]))
    return rounded({
        "places": len(ids), "seconds": seconds, "bits of the text": bits["pieces"], "nothing ruled out": bits["nothing ruled out"],
        "probability of what is ruled out": impossible, "test": bits_per_character(teacher, test, 64),
    })  # fmt: skip


# ---------------------------------------------------------------------------------------------------------------

SECTIONS = {
    "walks_tried": (walks_tried, partial(tries, "walks_tried", WALK_ARMS, 0.008)),
    "walks": (walks_run, partial(fresh, WALK_ARMS)),
    "addition_teacher": (addition_teacher, lambda: [{"what": "teacher"}]),
    "addition_tried": (addition_tried, partial(tries, "addition_tried", ADD_ARMS, 0.02, ONE_TRIAL)),
    "addition": (addition, partial(fresh, ADD_ARMS)),
    "text_teacher": (text_teacher, lambda: [{"what": "teacher"}]),
    "text_tried": (text_tried, partial(tries, "text_tried", TEXT_ARMS, 0.008, ONE_TRIAL)),
    "text": (text_run, partial(fresh, TEXT_ARMS)),
    "precision": (precision, partial(fresh, PRECISION_ARMS)),
    "drafting_tried": (drafting_tried, partial(tries, "drafting_tried", DRAFT_ARMS, 0.01, ONE_TRIAL)),
    "drafting": (drafting_run, partial(fresh, DRAFT_ARMS)),
    "pieces_teacher": (pieces_teacher, lambda: [{"what": "teacher"}]),
    "pieces_tried": (pieces_tried, partial(tries, "pieces_tried", PIECE_TRIED, 0.01)),
    "pieces": (pieces_run, partial(fresh, PIECE_ARMS, PIECE_SEEDS)),
}
RECORD = Record("own_steps", lambda: {"seeds": list(SEEDS), "trial_seeds": list(TRIAL_SEEDS)})

if __name__ == "__main__":
    main(RECORD, SECTIONS, __doc__)
