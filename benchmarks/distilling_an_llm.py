"""The experiments of lesson 13 on a real language model: python benchmarks/distilling_an_llm.py [--again] [section ...]

rates    one seed for each way of training and each learning rate: validation perplexity chooses
arms     text only, cached probabilities, both: equal steps and tokens, the chosen rates, 3 seeds; what each student writes
epoch_rates, epoch
         once through every second answer, in windows that share no place, rates chosen with seeds of their own: text,
         probabilities; prompts and ends counted or not; attention closed at the ends of answers. Perplexity, and how many
         answers stop
long     four times as many steps, one seed: validation perplexity on the way
teacher  what SmolLM2 says of the test answers, and of what each student wrote (needs the pretrained extra)
vocabulary   how much of the teacher's text its most frequent pieces cover (needs the extra and what it wrote)
cost     seconds for training, tokens a second of teacher and student (the teacher needs the pretrained extra)

Every run is written to benchmarks/results/distilling_an_llm.json as soon as it is done, and a run that is there is not
run again: stop and go on whenever you like; --again forgets the sections named. All ways have the same steps, and for a
seed the same initial weights and batches. Test answers choose nothing. One thread.
"""

import hashlib
import json
import math
import statistics
import time
from collections import Counter
from functools import cache
from itertools import product
from pathlib import Path

import sections
import torch
from tqdm import tqdm

from kdlab import language, losses, teachers
from kdlab.data import load_transfer_set
from kdlab.generation import answer, generate
from kdlab.metrics import count_parameters, distinct_n
from kdlab.models import LanguageModel, evaluating
from kdlab.text import BytePairTokenizer
from kdlab.token_caches import TokenCache
from kdlab.training import Recipe, descend, drain

TRAINED = Path(__file__).parent / "runs" / "distilling_an_llm"  # weights, so that no run is done twice
STUDENT = {"width": 192, "heads": 6, "layers": 2, "context": 160, "std": 0.06}
ARMS = {"text only": None, "both": 0.5, "probabilities": 0.0}  # alpha, the weight of the text; None: no teacher
STEPS, LONG, BATCH, LENGTH = 250, 1000, 8, 160
RATES = (2e-3, 4e-3, 8e-3)
LONG_RATE = 4e-3  # of the long runs, for both ways: chosen when 2e-3 had not been tried
SEEDS = (0, 1, 2)
WRITTEN, LONGEST = 40, 120  # texts by each student, tokens of a text at most
TEMPERATURE = 0.7  # of the teacher as we use it
SAMPLING = 0.7  # of the students: at 1 their luck would hide what they know
SCORED, FIRST = 16, 60  # texts that the teacher scores; tokens of a text that it and distinct-n look at: equal amounts
WRITING = {"tokens": 197_244, "seconds": 2899}  # as make_transfer_set.py printed them, on one busy core
START, END = 1, 2  # <|im_start|> between prompt and answer, <|im_end|> behind it
RECORD = sections.Record(
    "distilling_an_llm",
    lambda: {"writing": WRITING, "student": STUDENT | {"steps": STEPS, "batch": BATCH, "length": LENGTH}},
)


# --- data and students ----------------------------------------------------------------------------


@cache
def transfer_set():
    """The transfer set, its tokenizer, and each split as (tokens, cache, counts)."""
    content = load_transfer_set()
    return content, BytePairTokenizer(content.vocabulary, content.merges), [tensors(part) for part in content[:3]]


def tensors(part, answers=None):
    """The first answers of a split, or all: ids (M,), TokenCache of M places, which of them count bool (M,)."""
    end = int(part.starts[len(part) if answers is None else answers])
    ids, top_ids, top, counts = (
        torch.from_numpy(array[:end].copy())
        for array in (part.tokens, part.top_ids, part.top_probabilities, part.counts)
    )
    counts[-1] = False  # nothing follows
    return ids, TokenCache(top_ids, top), counts


def perplexity(student, part):
    """exp of the mean -log q of the teacher's tokens in a split, (ids, cache, counts)."""
    ids, _, counts = part
    logits = language.predict_text(student, ids)[:-1]
    return math.exp(losses.cross_entropy(logits, ids[1:], mask=counts[:-1]).item())


def train(arm, seed, rate, part=None):
    """A student that learned in this way from all training answers or a part of them, and the seconds it took."""
    ids, top, counts = part or transfer_set()[2][0]
    alpha = ARMS[arm]
    student = LanguageModel(len(transfer_set()[1]), **STUDENT, seed=seed)
    settings = json.dumps([STUDENT, STEPS, BATCH, LENGTH, int(ids.sum()), len(ids)])  # other ones, another file
    path = TRAINED / f"{arm.replace(' ', '_')}_{rate:g}_{seed}_{hashlib.sha256(settings.encode()).hexdigest()[:12]}.pt"
    if path.exists():
        kept = torch.load(path, weights_only=True)
        student.load_state_dict(kept["weights"])
        return student, kept["seconds"]
    recipe = Recipe(1.0, alpha or 0.0, steps=STEPS, batch_size=BATCH, learning_rate=rate, seed=seed)
    start = time.process_time()
    told = None if alpha is None else top
    drain(language.train_language_model(student, ids, told, recipe=recipe, length=LENGTH, mask=counts))
    seconds = time.process_time() - start
    TRAINED.mkdir(parents=True, exist_ok=True)
    torch.save({"weights": student.state_dict(), "seconds": seconds}, path)
    return student, seconds


def scores(student):
    """Validation and test perplexity."""
    _, _, (_, validation, test) = transfer_set()
    return {"validation": round(perplexity(student, validation), 4), "test": round(perplexity(student, test), 4)}


# --- three ways of training -----------------------------------------------------------------------


def rates(arm, rate):
    student, _ = train(arm, 0, rate)
    return {"seed": 0, "validation": scores(student)["validation"]}


def rates_jobs():
    yield from ({"arm": arm, "rate": rate} for arm, rate in product(ARMS, RATES))


def best_rate(arm):
    """The learning rate with the lowest validation perplexity."""
    return min(RECORD.rows("rates", arm=arm), key=lambda row: row["validation"])["rate"]


def arms(arm, seed):
    student, seconds = train(arm, seed, best_rate(arm))
    texts = write_texts(student, prompts_of_test(), seed)
    return {
        "rate": best_rate(arm), **scores(student), "seconds": round(seconds, 1),
        "tokens": statistics.fmean(map(len, texts)), "texts": [transfer_set()[1].decode(text) for text in texts],
    }  # fmt: skip


def arms_jobs():
    yield from ({"arm": arm, "seed": seed} for seed, arm in product(SEEDS, ARMS))


def prompts_of_test():
    """Every third prompt: the answers are in the order of their prompts, and all kinds should be among them."""
    return transfer_set()[0].test.prompts[::3][:WRITTEN]


def write_texts(student, prompts, seed, temperature=SAMPLING):
    """What a student writes to these prompts, lists of ids up to <|im_end|>; prompts of one length share a batch."""
    tokenizer, generator = transfer_set()[1], torch.Generator().manual_seed(seed)
    asked = [[*tokenizer.encode(prompt).tolist(), START] for prompt in prompts]
    texts = [None] * len(asked)
    for length in sorted({len(ids) for ids in asked}):
        some = [n for n, ids in enumerate(asked) if len(ids) == length]
        ids = torch.tensor([asked[n] for n in some])
        written = generate(student, ids, LONGEST, temperature=temperature, generator=generator)[:, length:].tolist()
        for n, text in zip(some, written, strict=True):
            texts[n] = text[: text.index(END)] if END in text else text
    return texts


def long(arm, steps):
    """Validation perplexity ten times on the way, on the first answers."""
    part, validation, _ = transfer_set()[2]
    some = (validation[0][:4000], None, validation[2][:4000])
    student = LanguageModel(len(transfer_set()[1]), **STUDENT, seed=0)
    alpha = ARMS[arm]
    recipe = Recipe(1.0, alpha or 0.0, steps=steps, batch_size=BATCH, learning_rate=LONG_RATE)
    run = language.train_language_model(
        student, part[0], None if alpha is None else part[1], recipe=recipe, length=LENGTH, mask=part[2],
        evaluate=lambda student: {"perplexity": perplexity(student, some)}, evaluate_every=steps // 10,
    )  # fmt: skip
    places, values = drain(run).column("perplexity")
    return {
        "rate": LONG_RATE, "seed": 0, "curve": [[step + 1, round(value, 3)] for step, value in zip(places, values, strict=True)],
        **scores(student),
    }  # fmt: skip


def long_jobs():
    yield from ({"arm": arm, "steps": LONG} for arm in ("probabilities", "text only"))


# --- once through half of the answers: what counts, and how far attention reaches ---------------------------

# arm -> (told probabilities or text, do the tokens of prompts count, does the end of every answer, is attention closed)
EPOCH = {
    "text only": (False, False, False, False),
    "probabilities": (True, False, False, False),
    "ends counted": (True, False, True, False),
    "prompts and ends counted": (True, True, True, False),
    "prompts counted": (True, True, False, False),
    "attention closed": (True, False, False, True),
}
EPOCH_TUNED = ("probabilities", "text only", "attention closed")
EPOCH_RATES, EPOCH_SEEDS = (1e-3, 2e-3, 4e-3, 8e-3, 1.6e-2), (100, 101, 102)
ASKED = 60  # prompts that each student answers


class Closed(LanguageModel):
    """A student whose tokens see those of their own prompt and answer only."""

    def forward(self, ids, cache=None, mask=None):
        if cache is not None:
            return super().forward(ids, cache, mask)
        own = (ids == END).cumsum(1) - (ids == END).int()
        state = self.tokens(ids) + self.positions.weight[: ids.shape[1]]
        for layer in self.layers:
            state, _ = layer(state, None, own[:, :, None] == own[:, None, :])
        return self.norm(state) @ self.tokens.weight.T


@cache
def counted(prompts, ends):
    """Every second training answer: ids, cache and what counts; with the prompts' tokens, and the end of every answer, too."""
    part = transfer_set()[0].train
    ids, top, counts = tensors(part)
    top_ids, weights, more = top.ids.clone(), top.weights.clone(), torch.zeros_like(counts)
    bounds = [(int(part.starts[n]), int(part.starts[n + 1])) for n in range(0, len(part), 2)]
    for first, behind in bounds:
        begun = first + int((ids[first:behind] == START).nonzero()[0, 0])
        if prompts:
            more[first:begun] = True
        if ends and ids[behind - 1] == END:
            more[behind - 2] = True
    more &= ~counts
    new = more.nonzero()[:, 0]
    top_ids[new, 0] = ids[new + 1]  # nobody gave probabilities there: the text alone tells
    weights[new] = 0.0
    weights[new, 0] = 1.0
    kept = torch.cat([torch.arange(first, behind) for first, behind in bounds])
    counts = (counts | more)[kept]
    counts[-1] = False  # nothing follows
    return ids[kept], TokenCache(top_ids[kept], weights[kept]), counts


def alone(student, part, answers=40):
    """Perplexity of a split's first answers, each read with its prompt and nothing before."""
    logits, told = [], []
    with evaluating(student):
        for n in range(answers):
            place = slice(int(part.starts[n]), int(part.starts[n]) + STUDENT["context"])
            ids = torch.from_numpy(part.tokens[place].copy())[: int(part.starts[n + 1] - part.starts[n])]
            counts = torch.from_numpy(part.counts[place].copy())[: len(ids) - 1]
            logits.append(student(ids[None])[0, :-1][counts])
            told.append(ids[1:][counts])
    return round(math.exp(losses.cross_entropy(torch.cat(logits), torch.cat(told)).item()), 4)


def disjoint(count, seed):
    """Windows that share no place, in an order of the seed's, as batches int64 (steps, BATCH, LENGTH)."""
    generator = torch.Generator().manual_seed(seed)
    whole = (count - 1) // (BATCH * LENGTH) * BATCH
    starts = LENGTH * torch.randperm(whole, generator=generator)
    starts = starts + torch.randint(count - whole * LENGTH, (1,), generator=generator)
    return starts.view(-1, BATCH, 1) + torch.arange(LENGTH)


def epoch_student(arm, rate, seed):
    """A student after once through every second answer, where no place is read twice; the steps and seconds it took."""
    soft, prompts, ends, closed = EPOCH[arm]
    student = (Closed if closed else LanguageModel)(len(transfer_set()[1]), **STUDENT, seed=seed)
    ids, top, counts = counted(prompts, ends)
    batches = disjoint(len(ids), seed)
    recipe = Recipe(1.0, 0.0, steps=len(batches), batch_size=BATCH, learning_rate=rate, seed=seed)
    steps, start = iter(batches), time.process_time()

    def next_loss(temperature, alpha):
        places = next(steps)
        heard = counts[places]
        logits, places = student(ids[places])[heard], places[heard]
        if soft:
            return losses.top_k_divergence_core(logits, top.ids[places], top.weights[places].log(), rest="bucket")
        return losses.cross_entropy_core(logits, ids[places + 1])

    drain(descend(student, next_loss, recipe=recipe))
    return student, {"steps": len(batches), "seconds": round(time.process_time() - start, 1)}


def epoch_rates(arm, rate, seed):
    student, _ = epoch_student(arm, rate, seed)
    return {"validation": alone(student, transfer_set()[0].validation)}


def epoch_rates_jobs():
    for arm, rate, seed in product(EPOCH_TUNED, EPOCH_RATES, EPOCH_SEEDS):
        yield {"arm": arm, "rate": rate, "seed": seed}


def tried(arm):
    """{rate: mean validation perplexity of the seeds that chose}"""
    found = {}
    for row in RECORD.rows("epoch_rates", arm=arm):
        found.setdefault(row["rate"], []).append(row["validation"])
    return {rate: statistics.fmean(values) for rate, values in found.items()}


def epoch_rate(arm):
    """The best rate of those three; those that differ in what counts have that of the probabilities."""
    mean = tried(arm if arm in EPOCH_TUNED else "probabilities")
    return min(mean, key=mean.get)


def epoch(arm, seed):
    student, found = epoch_student(arm, epoch_rate(arm), seed)
    content, tokenizer, _ = transfer_set()
    prompts = [torch.tensor([*tokenizer.encode(prompt).tolist(), START]) for prompt in content.test.prompts[:ASKED]]
    _, written = answer(
        student,
        prompts,
        STUDENT["context"],
        temperature=SAMPLING,
        end=END,
        generator=torch.Generator().manual_seed(seed),
    )
    sizes = torch.tensor([len(prompt) for prompt in prompts])
    stopped = written.sum(1) < STUDENT["context"] - sizes
    return found | {
        "rate": epoch_rate(arm), "validation": alone(student, content.validation), "test": alone(student, content.test),
        "stopped": round(stopped.float().mean().item(), 4),
        "tokens": round(written.sum(1)[stopped].float().mean().item(), 1) if stopped.any() else None,
    }  # fmt: skip


def epoch_jobs():
    yield from ({"arm": arm, "seed": seed} for seed, arm in product(SEEDS, EPOCH))


# --- the real teacher -----------------------------------------------------------------------------


@cache
def real_teacher():
    return teachers.load_pretrained_language_model()


@torch.no_grad()
def teacher_log_p(prompts, texts, batch=8):
    """For each text, log p of its tokens at temperature 0.7 after the prompt and the instruction: lists of floats.

    The text is tokenized as the teacher's own tokenizer does. The end of the text is not scored.
    """
    from make_transfer_set import SYSTEM

    tokenizer, model = real_teacher()
    found = []
    for first in tqdm(range(0, len(prompts), batch), desc="the teacher reads", mininterval=10):
        chats = [
            tokenizer.apply_chat_template(
                [{"role": "system", "content": SYSTEM}, {"role": "user", "content": prompt}],
                tokenize=False, add_generation_prompt=True,
            )
            for prompt in prompts[first : first + batch]
        ]  # fmt: skip
        asked = [tokenizer(chat)["input_ids"] for chat in chats]
        said = [tokenizer(text)["input_ids"] for text in texts[first : first + batch]]
        longest = max(len(a) + len(s) for a, s in zip(asked, said, strict=True))
        ids = torch.zeros(len(asked), longest, dtype=torch.int64)
        for row, a, s in zip(ids, asked, said, strict=True):
            row[: len(a) + len(s)] = torch.tensor(a + s)
        states = model.model(ids).last_hidden_state  # causal: what is filled up behind a text changes nothing in it
        for row, own, a, s in zip(ids, states, asked, said, strict=True):
            logits = model.lm_head(own[len(a) - 1 : len(a) + len(s) - 1]) / TEMPERATURE
            told = row[len(a) : len(a) + len(s), None]
            found.append(logits.log_softmax(-1).gather(1, told)[:, 0].tolist())
    return found


def teacher(writer, seed):
    """The mean log p that the teacher gives to a token of these texts, and how varied they are."""
    prompts, tokenizer = prompts_of_test(), transfer_set()[1]
    if writer == "teacher":
        texts = transfer_set()[0].test.texts[::3][:WRITTEN]
    else:
        texts = RECORD.rows("arms", arm=writer, seed=seed)[0]["texts"]
    ids = [tokenizer.encode(text).tolist()[:FIRST] for text in texts]  # all writers alike
    kept = [n for n, own in enumerate(ids) if len(own) == FIRST]
    scored = kept[:SCORED]
    each = teacher_log_p([prompts[n] for n in scored], [tokenizer.decode(ids[n]) for n in scored])
    return {
        "log_p": round(statistics.fmean(value for text in each for value in text), 4), "texts": len(scored),
        "distinct_2": round(distinct_n([ids[n] for n in kept], 2), 4), "counted": len(kept),
    }  # fmt: skip


def teacher_jobs():
    yield {"writer": "teacher", "seed": 0}
    yield from ({"writer": arm, "seed": seed} for seed, arm in product(SEEDS, ARMS))


def vocabulary(split):
    """What the most frequent pieces of the untrimmed training answers cover; needs what make_transfer_set.py wrote."""
    import make_transfer_set as script

    tokenizer, _ = real_teacher()
    pieces = [script.as_text(piece) for piece in tokenizer.convert_ids_to_tokens(range(len(tokenizer)))]
    answers = [own for path in sorted(script.RUNS.glob("[0-9][0-9][0-9].npz")) for own in script.read_part(path)]
    kept, _ = script.filter_answers([own for own in answers if script.split_of(own.prompt) == split], pieces)
    counts = Counter(piece for own in kept for piece in own.ids.tolist())
    rank = {piece: n for n, (piece, _) in enumerate(counts.most_common())}
    worst = [max(rank[piece] for piece in own.ids.tolist()) for own in kept]
    total, sizes = sum(counts.values()), sorted({round(100 * 1.1**n) for n in range(40)} | {len(transfer_set()[1])})
    return {
        "different": len(counts), "answers": len(kept), "sizes": sizes,
        "tokens_covered": [round(sum(c for _, c in counts.most_common(size)) / total, 4) for size in sizes],
        "whole_answers": [round(statistics.fmean(rank < size for rank in worst), 4) for size in sizes],
    }  # fmt: skip


def vocabulary_jobs():
    yield {"split": "train"}


# --- what it costs --------------------------------------------------------------------------------


def cost(model):
    """Parameters, and tokens a second, written one text at a time and 16 at a time, of 64 tokens after 24."""
    new, given = 64, 24
    if model == "student":
        student = LanguageModel(len(transfer_set()[1]), **STUDENT)
        count = count_parameters(student)

        def run(size):
            generate(student, torch.full((size, given), 5), new)
    else:
        _, network = real_teacher()
        count = sum(weight.numel() for weight in network.parameters())

        def run(size):
            ids, past = torch.full((size, given), 5), None
            for _ in range(new):
                out = network(ids, past_key_values=past, use_cache=True, logits_to_keep=1)
                past, ids = out.past_key_values, out.logits[:, -1:].argmax(-1)

    row = {"parameters": count}
    for size in (1, 16):
        times = []
        for _ in range(3 if model == "student" else 2):
            start = time.process_time()
            with torch.no_grad():
                run(size)
            times.append(time.process_time() - start)
        row[f"tokens_per_second_{size}"] = round(size * new / min(times), 1)
    return row


def cost_jobs():
    yield from ({"model": model} for model in ("student", "teacher"))


SECTIONS = {
    "rates": (rates, rates_jobs),
    "arms": (arms, arms_jobs),
    "epoch_rates": (epoch_rates, epoch_rates_jobs),
    "epoch": (epoch, epoch_jobs),
    "long": (long, long_jobs),
    "teacher": (teacher, teacher_jobs),
    "vocabulary": (vocabulary, vocabulary_jobs),
    "cost": (cost, cost_jobs),
}

if __name__ == "__main__":
    sections.main(RECORD, SECTIONS, __doc__.splitlines()[0])
