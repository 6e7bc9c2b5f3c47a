"""The experiments of lesson 11 on rated reviews: python benchmarks/reviews.py [--again] [section ...]

few_labels    200, 1000 or all labels: for the student alone, for a teacher that gives its opinion on all sentences
teachers      the heads on the frozen encoder that taught in few_labels, and the fine-tuned teacher
cost          parameters and time for a sentence: the teacher and its students
speed         TextClassifier against the same network made of torch.nn.TransformerEncoderLayer: tokens per second
distilbert    three layers, taken from the teacher or random, labels or triple loss (needs the pretrained extra)
augmentation  a larger transfer set by masked words and n-grams (Tang et al. 2019; needs the pretrained extra)

Every run is written to benchmarks/results/reviews.json as soon as it is done, and a run that is there is not run again:
stop and go on whenever you like; --again forgets the sections named. All arms of a section have the same steps, and for
a seed the same initial weights, batches and labelled sentences. Test accuracies are recorded and
choose nothing here. One thread.
"""

import statistics
import time
from functools import cache
from itertools import product

import sections
import torch
from torch import nn
from torch.nn import functional as F
from tqdm import tqdm

from kdlab import teachers
from kdlab.data import load_reviews
from kdlab.losses import distillation_loss_core, hidden_cosine_loss
from kdlab.metrics import accuracy
from kdlab.models import TextClassifier, mean_of_tokens
from kdlab.text import WordTokenizer, words
from kdlab.training import schedule

ALL = 7605
SMALL = {"width": 64, "heads": 4, "layers": 2, "dropout": 0.1}  # the TextClassifier that learns from scratch
RECIPES = {
    "bag of words": {"steps": 300, "batch": 64, "learning_rate": 3e-3},
    "TextClassifier": {"steps": 300, "batch": 64, "learning_rate": 1e-3},
    "from alternate layers": {"steps": 125, "batch": 16, "learning_rate": 1e-4},
    "random initial weights": {"steps": 125, "batch": 16, "learning_rate": 3e-4},
}
L2 = (0.01, 0.03, 0.1, 0.3, 1.0, 3.0)
COUNT = 2000  # training sentences for the three-layer students: the first ones, read once
LAYERS = (1, 3, 5)  # those of the teacher's layers, counted from 0, that the three-layer student starts from
SOFT, HARD, COSINE, TEMPERATURE = 5.0, 2.0, 1.0, 2.0  # weights of DistilBERT's three losses, and its temperature
HOLE = "⬚"  # stands for a masked word: unknown to the student, [MASK] for the teacher
RECORD = sections.Record("reviews", lambda: {"recipes": RECIPES})


# --- data and students ----------------------------------------------------------------------------


@cache
def world():
    """The splits, the student's tokenizer, its ids of each split, and the labels of each split."""
    splits = load_reviews()
    tokenizer = WordTokenizer.train(splits.train.sentences)
    ids = [torch.from_numpy(tokenizer.encode(split.sentences)[0]) for split in splits]
    return splits, tokenizer, ids, [torch.from_numpy(split.labels) for split in splits]


class BagOfWords(nn.Module):
    """The mean of the words' vectors, then one hidden layer: a sentence without its order."""

    def __init__(self, vocabulary, width=64, dropout=0.3, seed=0):
        super().__init__()
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            self.words = nn.Embedding(vocabulary, width)
            self.hidden, self.head = nn.Linear(width, width), nn.Linear(width, 2)
        nn.init.normal_(self.words.weight, std=0.1, generator=torch.Generator().manual_seed(seed))
        self.dropout = dropout

    def forward(self, ids):
        known = (ids > 2).unsqueeze(-1)  # not padding, not [unk], not [cls]; their sum where there is none is 0
        mean = (self.words(ids) * known).sum(1) / known.sum(1).clamp(min=1)
        mean = F.dropout(mean, self.dropout, self.training)
        return self.head(F.dropout(F.relu(self.hidden(mean)), self.dropout, self.training))


def small_student(kind, seed):
    vocabulary = len(world()[1])
    return (
        BagOfWords(vocabulary, seed=seed) if kind == "bag of words" else TextClassifier(vocabulary, **SMALL, seed=seed)
    )


def batches(lengths, size, generator):
    """Endless batches of places; sentences of like length together, so that little is padded."""
    while True:
        order, cut = torch.randperm(len(lengths), generator=generator), []
        for pool in order.split(20 * size):
            cut += pool[lengths[pool].argsort(stable=True)].split(size)
        yield from (cut[i] for i in torch.randperm(len(cut), generator=generator))


def train(student, lengths, loss_of, recipe, seed, least=200):
    """AdamW over batches of places; loss_of(student, chosen) is what to lower. Few sentences are seen many times."""
    optimizer = torch.optim.AdamW(student.parameters(), lr=recipe["learning_rate"], weight_decay=0.01, fused=True)
    places = torch.arange(len(lengths)).repeat(-(-least // len(lengths)))
    draw = batches(lengths[places], recipe["batch"], torch.Generator().manual_seed(seed))
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)  # dropout
        student.train()
        for step in range(recipe["steps"]):
            for group in optimizer.param_groups:
                group["lr"] = recipe["learning_rate"] * schedule(step, recipe["steps"], warmup=0.1)
            loss = loss_of(student, places[next(draw)])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    return student.eval()


def learn(kind, seed, ids, targets):
    """A small student that learned these soft targets (N, 2), and its accuracies."""

    def loss_of(student, chosen):
        x = ids[chosen]
        return F.cross_entropy(student(x[:, : int((x != 0).sum(1).max())]), targets[chosen])

    student = train(small_student(kind, seed), (ids != 0).sum(1), loss_of, RECIPES[kind], seed)
    return scores(lambda split: predict(student, world()[2][split]))


@torch.no_grad()
def predict(student, ids, size=250):
    """The logits of all sentences, short ones first so that little is padded."""
    lengths = (ids != 0).sum(1)
    logits = torch.empty(len(ids), 2)
    for some in lengths.argsort().split(size):
        logits[some] = student(ids[some, : int(lengths[some].max())])
    return logits


def scores(logits_of):
    """Validation and test accuracy; logits_of(split) gives the logits of a split."""
    labels = world()[3]
    return {name: accuracy(logits_of(k), labels[k]) for k, name in ((1, "validation"), (2, "test"))}


# --- few labels -----------------------------------------------------------------------------------


@cache
def pooled():
    """The published encoder's vector for each sentence, by split, standardised with the training sentences."""
    teacher = teachers.load_review_teacher()
    return [standardised(part.pooled) for part in (teacher.train, teacher.validation, teacher.test)]


def standardised(vectors):
    """Pooled vectors with mean 0 and standard deviation 1 over the training sentences; three dead entries stay 0."""
    train = teachers.load_review_teacher().train.pooled
    return (vectors - train.mean(0)) / train.std(0).clamp(min=0.01)


def fit_head(x, y, weight_of_squares):
    """Logistic regression with a penalty on the weights: (weights, bias)."""
    weight, bias = torch.zeros(x.shape[1], 2, requires_grad=True), torch.zeros(2, requires_grad=True)
    optimizer = torch.optim.LBFGS([weight, bias], max_iter=60, tolerance_grad=1e-4, line_search_fn="strong_wolfe")

    def closure():
        optimizer.zero_grad()
        loss = F.cross_entropy(x @ weight + bias, y) + weight_of_squares * weight.square().sum()
        loss.backward()
        return loss

    optimizer.step(closure)
    return weight.detach(), bias.detach()


@cache
def head(labels, seed):
    """A teacher that knows as many labels as its student, a head on the frozen encoder: (weights, bias, penalty).

    The penalty is chosen by five-fold cross-validation (loss) within the labelled sentences, by nothing else.
    """
    places = labelled(labels, seed)
    x, y = pooled()[0][places], world()[3][0][places]
    folds = torch.arange(labels) % 5  # the places are in random order already

    def held_out(penalty):
        loss = 0.0
        for fold in range(5):
            weight, bias = fit_head(x[folds != fold], y[folds != fold], penalty)
            loss += F.cross_entropy(x[folds == fold] @ weight + bias, y[folds == fold], reduction="sum").item()
        return loss

    penalty = min(L2, key=held_out)
    return *fit_head(x, y, penalty), penalty


def opinion(labels, seed, split=0):
    """The logits of that teacher for a split."""
    weight, bias, _ = head(labels, seed if labels < ALL else 0)
    return pooled()[split] @ weight + bias


def labelled(labels, seed):
    """Which training sentences have a label: drawn by the seed, the same for all arms."""
    seed = seed if labels < ALL else 0
    return torch.randperm(ALL, generator=torch.Generator().manual_seed(seed))[:labels]


def few_labels(student, arm, labels, seed):
    """`labels` training sentences are labelled; the arms differ in what the student is told, and about which sentences."""
    splits, _, ids, truth = world()
    some = labelled(labels, seed)
    if arm == "hard labels":
        places, targets = some, F.one_hot(truth[0], 2).float()
    elif arm == "people":
        places, targets = some, torch.from_numpy(splits.train.soft)
    else:
        known = arm == "fine-tuned teacher"
        logits = teachers.load_review_teacher().train.logits if known else opinion(labels, seed)
        targets = F.one_hot(logits.argmax(1), 2).float() if arm == "teacher's argmax" else logits.softmax(1)
        places = some if arm == "teacher, same sentences" else torch.arange(ALL)
    return learn(student, seed, ids[0][places], targets[places])


def few_labels_jobs():
    few = ("hard labels", "people", "teacher, same sentences", "teacher, all sentences", "teacher's argmax")
    every = ("hard labels", "people", "teacher, all sentences", "teacher's argmax", "fine-tuned teacher")
    cases = [(200, "hard labels"), (200, "teacher, all sentences")]  # the main ones first
    cases += [case for n in (200, 1000) for case in product([n], few) if case not in cases]
    cases += product([ALL], every)
    for (n, arm), s in product(cases, range(5)):
        yield {"student": "bag of words", "arm": arm, "labels": n, "seed": s}
    for n, arm in cases:
        if arm != "teacher, same sentences" and (n, arm) != (1000, "teacher's argmax"):  # slow, so only the main arms
            for s in range(5 if n == 200 and arm in ("hard labels", "teacher, all sentences") else 3):
                yield {"student": "TextClassifier", "arm": arm, "labels": n, "seed": s}


def teachers_section(teacher, labels, seed):
    if teacher == "fine-tuned":
        own = teachers.load_review_teacher()
        return scores(lambda split: (own.train, own.validation, own.test)[split].logits)
    return {"l2": head(labels, seed)[2]} | scores(lambda split: opinion(labels, seed, split))


def teachers_jobs():
    yield {"teacher": "fine-tuned", "labels": ALL, "seed": 0}
    for n in (200, 1000, ALL):
        yield from ({"teacher": "frozen encoder and head", "labels": n, "seed": s} for s in range(5 if n < ALL else 1))


# --- what they cost -------------------------------------------------------------------------------


def of_the_teachers_form(layers):
    """A network of the shape of all-MiniLM-L6-v2 with this many layers; its weights do not matter for time."""
    return TextClassifier(30_522, 2, width=384, heads=12, layers=layers, inner=1536, longest=512, dropout=0.1)


def cost(model):
    """Parameters, and processor time for a sentence of 24 tokens (the mean length is about that), batch 1 and 64."""
    network = {
        "teacher": lambda: of_the_teachers_form(6),
        "three layers": lambda: of_the_teachers_form(3),
        "TextClassifier": lambda: small_student("TextClassifier", 0),
        "bag of words": lambda: small_student("bag of words", 0),
    }[model]().eval()
    tables = [module.weight.numel() for module in network.modules() if isinstance(module, nn.Embedding)]
    count = sum(weight.numel() for weight in network.parameters())
    row = {"parameters": count, "parameters_without_embeddings": count - sum(tables), "tokens": 24}
    for size in (1, 64):
        ids = torch.randint(3, 8000, (size, 24), generator=torch.Generator().manual_seed(0))
        repeats = 20 if size == 1 else 3
        times = []
        with torch.inference_mode():
            for _ in range(11):
                start = time.process_time()
                for _ in range(repeats):
                    network(ids)
                times.append((time.process_time() - start) * 1000 / repeats / size)
        row[f"ms_batch_{size}"] = round(statistics.median(times), 4)
    return row


def cost_jobs():
    yield from ({"model": name} for name in ("teacher", "three layers", "TextClassifier", "bag of words"))


class FromTorch(nn.Module):
    """TextClassifier made of torch.nn.TransformerEncoderLayer: the same sizes, the same dropout."""

    def __init__(self, vocabulary, classes=2, *, width, heads, layers, dropout, longest=128):
        super().__init__()
        self.dropout = dropout
        self.tokens, self.positions = nn.Embedding(vocabulary, width), nn.Embedding(longest, width)
        self.norm = nn.LayerNorm(width, eps=1e-12)
        layer = nn.TransformerEncoderLayer(
            width, heads, 4 * width, dropout, activation="gelu", layer_norm_eps=1e-12, batch_first=True
        )
        self.encoder = nn.TransformerEncoder(layer, layers, enable_nested_tensor=False)
        self.head = nn.Linear(width, classes)

    def forward(self, ids):
        mask = ids != 0
        state = self.norm(self.tokens(ids) + self.positions.weight[: ids.shape[1]])
        state = self.encoder(F.dropout(state, self.dropout, self.training), src_key_padding_mask=~mask)
        return self.head(F.dropout(mean_of_tokens(state, mask), self.dropout, self.training))


def speed(network, steps=20, rounds=11):
    """Training steps of both in turns over the same batches of 64 sentences: median ratio of tokens per second."""
    sizes = SMALL if network == "small" else {"width": 384, "heads": 12, "layers": 3, "dropout": 0.1}
    steps = steps if network == "small" else 1
    _, tokenizer, (ids, *_), (labels, *_) = world()
    lengths = (ids != 0).sum(1)
    draw = batches(lengths, 64, torch.Generator().manual_seed(0))
    chosen = [next(draw) for _ in range(steps)]
    work = [(ids[some, : int(lengths[some].max())].contiguous(), labels[some]) for some in chosen]
    counted = sum(int((x != 0).sum()) for x, _ in work)

    def seconds(model):
        optimizer = torch.optim.AdamW(model.parameters(), lr=1e-4, fused=True)
        start = time.process_time()
        for x, y in work:
            loss = F.cross_entropy(model(x), y)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        return time.process_time() - start

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        models = [kind(len(tokenizer), **sizes).train() for kind in (TextClassifier, FromTorch)]
        times = [[], []]
        for k in range(rounds + 1):
            for i in (0, 1) if k % 2 else (1, 0):
                times[i].append(seconds(models[i]))
    ours, theirs = (own[1:] for own in times)  # the first round warms up
    low, middle, high = statistics.quantiles([b / a for a, b in zip(ours, theirs, strict=True)], n=4)
    return {
        "ratio": round(middle, 3), "quartiles": [round(low, 3), round(high, 3)], "rounds": rounds,
        "tokens_per_second": round(counted / statistics.median(ours)),
        "torch_tokens_per_second": round(counted / statistics.median(theirs)),
    }  # fmt: skip


def speed_jobs():
    yield from ({"network": name} for name in ("small", "three layers of the teacher's"))


# --- the recipe of DistilBERT ---------------------------------------------------------------------


@cache
def word_pieces():
    """The teacher, its ids of each split (rows of unequal length padded with 0), its logits and last states."""
    tokenizer, teacher = teachers.load_pretrained_review_teacher()
    ids = [teachers.tokenize(tokenizer, split.sentences)[0] for split in world()[0]]
    ids[0] = ids[0][:COUNT]
    lengths = (ids[0] != 0).sum(1)
    states = [None] * len(ids[0])
    with torch.no_grad():
        for some in tqdm(lengths.argsort().split(64), desc="the teacher reads", mininterval=10):
            last = teacher(ids[0][some, : int(lengths[some].max())], details=True)["states"][-1]
            for i, own in zip(some.tolist(), last, strict=True):
                states[i] = own[: lengths[i]].half()
    return teacher, ids, teachers.load_review_teacher().train.logits, states


def three_layers(teacher, start, seed):
    """The student: three layers as wide as the teacher's, copied from it or random."""
    student = TextClassifier(
        teacher.tokens.num_embeddings, 2, width=384, heads=12, layers=3, inner=1536,
        longest=teacher.positions.num_embeddings, dropout=0.1, seed=seed,
    )  # fmt: skip
    if start == "from alternate layers":
        for part in ("tokens", "positions", "norm", "head"):
            getattr(student, part).load_state_dict(getattr(teacher, part).state_dict())
        for ours, theirs in zip(student.layers, LAYERS, strict=True):
            ours.load_state_dict(teacher.layers[theirs].state_dict())
    return student


def distilbert(student, loss, seed):
    teacher, ids, logits, states = word_pieces()
    labels = world()[3][0]
    recipe = RECIPES[student]
    lengths = (ids[0] != 0).sum(1)

    def loss_of(network, chosen):
        x, y = ids[0][chosen, : int(lengths[chosen].max())], labels[chosen]
        if loss == "labels":
            return F.cross_entropy(network(x), y)
        out, mask = network(x, details=True), x != 0
        soft = distillation_loss_core(out["logits"], logits[chosen], y, temperature=TEMPERATURE, alpha=0)
        target = nn.utils.rnn.pad_sequence([states[i].float() for i in chosen], batch_first=True)
        cosine = hidden_cosine_loss(out["states"][-1], target, mask=mask)
        return SOFT * soft + HARD * F.cross_entropy(out["logits"], y) + COSINE * cosine

    network = three_layers(teacher, student, seed)
    train(network, lengths, loss_of, recipe, seed)
    return recipe | scores(lambda split: predict(network, ids[split]))


def distilbert_jobs():
    starts, losses = ("from alternate layers", "random initial weights"), ("triple", "labels")
    for seed, start, loss in product(range(2), starts, losses):
        yield {"student": start, "loss": loss, "seed": seed}


# --- more sentences to ask about ------------------------------------------------------------------


def other_forms(sentence, copies, generator):
    """New sentences from one (Tang et al. 2019): each word masked with probability 0.1, and one time in four only an
    n-gram of 1 to 5 words of it. Their third rule, another word of the same part of speech, is left out.
    """
    whole, forms = words(sentence), []
    for _ in range(copies):
        hidden = torch.rand(len(whole), generator=generator) < 0.1
        form = [HOLE if gone else word for word, gone in zip(whole, hidden, strict=True)]
        if torch.rand((), generator=generator) < 0.25:
            size = int(torch.randint(1, 6, (), generator=generator))
            first = int(torch.randint(max(1, len(form) - size + 1), (), generator=generator))
            form = form[first : first + size]
        forms.append(" ".join(form))
    return forms


@cache
def encoder(fine_tuned):
    return (teachers.load_pretrained_review_teacher if fine_tuned else teachers.load_pretrained_encoder)()


@torch.no_grad()
def ask(sentences, fine_tuned):
    """The real teacher about new sentences: its logits if it is the fine-tuned one, else the published pooled vectors."""
    tokenizer, teacher = encoder(fine_tuned)
    sentences = [sentence.replace(HOLE, "[MASK]") for sentence in sentences]
    order = sorted(range(len(sentences)), key=lambda i: len(sentences[i]))
    answers = torch.empty(len(sentences), 2 if fine_tuned else 384)
    for start in tqdm(range(0, len(order), 64), desc="the teacher reads", mininterval=10):
        some = order[start : start + 64]
        out = teacher(*teachers.tokenize(tokenizer, [sentences[i] for i in some]), details=True)
        answers[some] = out["logits" if fine_tuned else "pooled"]
    return answers


MOST = {200: 5, ALL: 1}  # copies of each sentence


@cache
def transfer_set(labels, seed):
    """New sentences, copy by copy, and what the teacher thinks of them; for all sentences, the same for every seed."""
    sentences = [world()[0].train.sentences[i] for i in labelled(labels, seed).tolist()]
    generator = torch.Generator().manual_seed(seed)
    forms = list(zip(*(other_forms(sentence, MOST[labels], generator) for sentence in sentences), strict=True))
    flat = [form for turn in forms for form in turn]
    if labels == ALL:
        return flat, ask(flat, True)
    weight, bias, _ = head(labels, seed)
    return flat, standardised(ask(flat, False)) @ weight + bias


def augmentation(arm, copies, seed):
    """The transfer set: some sentences and `copies` changed forms of each, all with the teacher's soft targets."""
    _, tokenizer, (ids, *_), _ = world()
    few = arm.startswith("200")
    labels = 200 if few else ALL
    logits = opinion(200, seed) if few else teachers.load_review_teacher().train.logits
    places = labelled(labels, seed if few else 0)
    inputs, targets = ids[places], logits[places]
    if copies:
        flat, answers = transfer_set(labels, seed if few else 0)
        count = copies * labels
        new = torch.from_numpy(tokenizer.encode(flat[:count], length=ids.shape[1])[0])
        inputs, targets = torch.cat([inputs, new]), torch.cat([targets, answers[:count]])
    return learn("bag of words", seed, inputs, targets.softmax(1))


def augmentation_jobs():
    few, every = "200 sentences, head of 200 labels", "all sentences, fine-tuned teacher"
    yield from ({"arm": few, "copies": c, "seed": s} for s, c in product(range(5), (0, 2, 5)))
    yield from ({"arm": every, "copies": c, "seed": s} for s, c in product(range(5), (0, 1)))


# --- running --------------------------------------------------------------------------------------

SECTIONS = {
    "few_labels": (few_labels, few_labels_jobs),
    "teachers": (teachers_section, teachers_jobs),
    "speed": (speed, speed_jobs),
    "cost": (cost, cost_jobs),
    "distilbert": (distilbert, distilbert_jobs),
    "augmentation": (augmentation, augmentation_jobs),
}

if __name__ == "__main__":
    sections.main(RECORD, SECTIONS, __doc__.splitlines()[0])
