"""The networks of the course, each short enough to read in a lesson."""

import math
from contextlib import contextmanager

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from kdlab.checks import check_number, check_whole

# The data of the course are float32 and on the CPU, so every network starts there too, whatever the reader's default
# dtype and device: `.double()` and `.to("cuda")` move it.


@contextmanager
def _building():
    """For the modules of PyTorch, which draw weights of their own (replaced afterwards): leaves no trace of that."""
    with torch.inference_mode(False), torch.random.fork_rng(devices=[]), torch.device("cpu"):
        yield


class MLP(nn.Module):
    """Fully connected ReLU network: `MLP(784, 300, 300, 10)` maps (..., 784) to logits (..., 10).

    `details=True` gives {"logits", "hidden" [a (..., width) for each hidden layer, behind its ReLU]}. The same seed gives
    the same initial weights (He et al. 2015) and touches no other random number.
    """

    def __init__(self, *widths, dropout=0.0, input_dropout=0.0, seed=0):
        super().__init__()
        if len(widths) < 2:
            raise ValueError(f"MLP needs at least two positive whole widths, as in MLP(784, 300, 10): {widths}")
        widths = [check_whole("each of the widths", width, 1) for width in widths]
        for name, probability in (("dropout", dropout), ("input_dropout", input_dropout)):
            if not 0 <= probability < 1:
                raise ValueError(f"{name} must be in [0, 1), got {probability!r}")
        self.dropout, self.input_dropout = dropout, input_dropout
        generator = torch.Generator().manual_seed(check_whole("seed", seed, 0))
        self.layers = nn.ModuleList()
        for inputs, outputs in zip(widths, widths[1:], strict=False):
            with _building():
                layer = nn.Linear(inputs, outputs, dtype=torch.float32)
            nn.init.kaiming_normal_(layer.weight, nonlinearity="relu", generator=generator)
            nn.init.zeros_(layer.bias)
            self.layers.append(layer)

    def forward(self, inputs, details=False):
        *hidden, last = self.layers
        seen = []
        if self.input_dropout and self.training:
            inputs = F.dropout(inputs, self.input_dropout)
        for layer in hidden:
            inputs = F.relu(layer(inputs))
            seen.append(inputs)
            if self.dropout and self.training:
                inputs = F.dropout(inputs, self.dropout)
        logits = last(inputs)
        return {"logits": logits, "hidden": seen} if details else logits


class ConvNet(nn.Module):
    """Convolutional ReLU network: `ConvNet(16, 32, hidden=64)` maps flat images (..., 784) to logits (..., 10).

    One layer for each number of channels, with `kernels` and `strides`: one number for all layers or one for each. What
    follows reads the last maps whole (pooling="flatten") or the mean of each (pooling="mean"): a layer of `hidden` units
    if asked for, then a linear head. Dropout works on what the linear layers read.

    `details=True` gives the dict of all there is to imitate: {"logits", "maps" [a (..., channels, height, width) for each
    layer, behind its ReLU], "pooled" (..., width), what the head reads}. The same seed gives the same initial weights (He
    et al. 2015) and touches no other random number.
    """

    def __init__(
        self, *channels, classes=10, kernels=3, strides=2, pooling="flatten", hidden=None, dropout=0.0, side=28, seed=0
    ):
        super().__init__()
        if not channels:
            raise ValueError("ConvNet needs at least one number of channels, as in ConvNet(16, 32)")
        if pooling not in ("flatten", "mean"):
            raise ValueError(f'pooling must be "flatten" or "mean", got {pooling!r}')
        dropout = check_number("dropout", dropout)
        if not 0 <= dropout < 1:
            raise ValueError(f"dropout must be in [0, 1), got {dropout!r}")
        channels = [check_whole("each number of channels", number, 1) for number in channels]
        kernels, strides = (_one_each(n, v, len(channels)) for n, v in (("kernels", kernels), ("strides", strides)))
        if any(kernel % 2 == 0 for kernel in kernels):
            raise ValueError(f"kernels must be odd, so that a map keeps its middle: got {kernels}")
        self.side, self.pooling, self.dropout = check_whole("side", side, 1), pooling, dropout
        generator = torch.Generator().manual_seed(check_whole("seed", seed, 0))
        with _building():
            self.convolutions = nn.ModuleList(
                nn.Conv2d(a, b, kernel, stride, kernel // 2, dtype=torch.float32)
                for a, b, kernel, stride in zip([1, *channels], channels, kernels, strides, strict=False)
            )
            width = channels[-1] if pooling == "mean" else channels[-1] * self._last_side(strides) ** 2
            widths = [width] if hidden is None else [width, check_whole("hidden", hidden, 1)]
            self.hidden = nn.Linear(*widths, dtype=torch.float32) if hidden is not None else None
            self.head = nn.Linear(widths[-1], check_whole("classes", classes, 2), dtype=torch.float32)
        for layer in [*self.convolutions, *([self.hidden] if hidden is not None else []), self.head]:
            nn.init.kaiming_normal_(layer.weight, nonlinearity="relu", generator=generator)
            nn.init.zeros_(layer.bias)

    def _last_side(self, strides):
        side = self.side
        for stride in strides:
            side = -(-side // stride)
        return side

    def forward(self, inputs, details=False):
        self._check_inputs(inputs)
        leading, maps = inputs.shape[:-1], []
        x = inputs.reshape(math.prod(leading), 1, self.side, self.side)  # a count, as -1 cannot be told of none
        for convolution in self.convolutions:
            x = F.relu(convolution(x))
            maps.append(x)
        pooled = x.mean((-2, -1)) if self.pooling == "mean" else x.flatten(-3)
        if self.hidden is not None:
            pooled = F.relu(self.hidden(F.dropout(pooled, self.dropout, self.training)))
        logits = self.head(F.dropout(pooled, self.dropout, self.training))
        logits, pooled, *maps = (one.reshape(*leading, *one.shape[1:]) for one in (logits, pooled, *maps))
        return {"logits": logits, "maps": maps, "pooled": pooled} if details else logits

    def _check_inputs(self, inputs):
        """ValueError for what the first convolution would refuse in its own words, or read in another way."""
        pixels = self.side**2
        if not isinstance(inputs, torch.Tensor) or not inputs.is_floating_point():
            found = f"{inputs.dtype}" if isinstance(inputs, torch.Tensor) else type(inputs).__name__
            raise ValueError(
                f"a ConvNet reads floating-point inputs (..., {pixels}), got {found}: to_inputs makes them"
            )
        shape, weight = tuple(inputs.shape), self.head.weight
        if not shape or shape[-1] != pixels:
            advice = ": inputs.flatten(-2) makes them flat" if shape[-2:] == (self.side, self.side) else ""
            raise ValueError(
                f"this ConvNet reads flat images (..., {pixels}) of {self.side} × {self.side} pixels, got {shape}{advice}"
            )
        if inputs.dtype != weight.dtype and not torch.is_autocast_enabled(inputs.device.type):
            raise ValueError(
                f"the inputs are {inputs.dtype}, the network's weights {weight.dtype}: inputs.to({weight.dtype}) or "
                f"model.to({inputs.dtype}) makes them one"
            )


def _one_each(name, value, count):
    """The value as a list with a whole number for each layer: one number stands for all."""
    values = list(value) if isinstance(value, list | tuple) else [value] * count
    if len(values) != count:
        raise ValueError(f"{name} must be one number, or one for each of the {count} layers: got {value!r}")
    return [check_whole(f"each of the {name}", each, 1) for each in values]


def to_inputs(images):
    """uint8 images (..., 28, 28), NumPy or torch, as the float32 tensor (..., 784) in [0, 1] that networks read."""
    if isinstance(images, np.ndarray):
        images = torch.from_numpy(np.ascontiguousarray(images))
    if not isinstance(images, torch.Tensor) or images.dtype != torch.uint8 or images.ndim < 2:
        raise ValueError("images must be a uint8 array or tensor of shape (..., height, width)")
    return images.flatten(-2).to(torch.float32).div_(255)


def logits_of(output):
    """The logits in what a model returned: a tensor as it is, or the `.logits` of an output of `transformers`.

    ValueError for a tuple and for anything else: which of its parts are the logits, nobody here can know.
    """
    if isinstance(output, torch.Tensor):
        return output
    logits = output.get("logits") if isinstance(output, dict) else getattr(output, "logits", None)
    if isinstance(logits, torch.Tensor):
        return logits
    raise ValueError(
        f"a model must return logits, a tensor, or an output that has .logits; this one returned a "
        f"{type(output).__name__}: let its forward return the logits alone"
    )


def check_language_model(model):
    """ValueError unless the model has what the course asks of one that reads ids."""
    if not hasattr(model, "tokens") or not hasattr(model, "context"):
        raise ValueError(
            f"the model must be a kdlab.models.LanguageModel, or have its `tokens` (an embedding) and `context`, and "
            f"return logits: got {type(model).__name__}"
        )


@contextmanager
def evaluating(model):
    """Eval mode, without gradients; afterwards every module of the model has the mode that it had."""
    modes = [(module, module.training) for module in model.modules()]
    model.eval()
    try:
        with torch.no_grad():
            yield
    finally:
        for module, mode in modes:
            module.training = mode


class TextClassifier(nn.Module):
    """A transformer encoder (Vaswani et al. 2017) in the form of BERT, from token ids to logits.

    `TextClassifier(9000, 2, width=64, heads=4, layers=2)` maps ids int64 (N, L) and a mask bool (N, L), True where a
    token counts, to logits (N, 2). Without a mask, every id but 0 counts. Token and position embeddings, then
    `layers` times attention and a small network for each token, each added to what came in and normalised; the mean of
    the tokens that count is read by a linear head. `pooling="first"` reads the first token that counts instead, as BERT
    does. Padding may stand on either side of a sentence and changes no logit; a row of padding only is a ValueError.

    `details=True` gives the dict of all there is to imitate, in the order of the layers: {"logits", "pooled" (N, width),
    "states" [layers + 1 × (N, L, width)], the embedding first, and for each layer "queries", "keys", "values"
    (N, heads, L, width / heads), "scores" and "attentions" (N, heads, L, L)}. What stands at a masked token means
    nothing. The same seed gives the same initial weights and touches no other random number.
    """

    def __init__(
        self, vocabulary, classes=2, *, width=64, heads=4, layers=2, inner=None, longest=128, dropout=0.0,
        pooling="mean", seed=0,
    ):  # fmt: skip
        super().__init__()
        sizes = {"vocabulary": vocabulary, "classes": classes, "width": width, "heads": heads, "layers": layers}
        sizes |= {"inner": inner if inner is not None else 4 * width, "longest": longest}
        vocabulary, classes, width, heads, layers, inner, longest = _check_transformer(sizes, dropout)
        if pooling not in ("mean", "first"):
            raise ValueError(f'pooling must be "mean" or "first", got {pooling!r}')
        self.dropout, self.pooling = dropout, pooling
        with _building():
            self.tokens = nn.Embedding(vocabulary, width)
            self.positions = nn.Embedding(longest, width)
            self.norm = nn.LayerNorm(width, eps=1e-12)
            self.layers = nn.ModuleList(EncoderLayer(width, heads, inner, dropout) for _ in range(layers))
            self.head = nn.Linear(width, classes)
            self.float()
        generator = torch.Generator().manual_seed(check_whole("seed", seed, 0))
        for module in self.modules():
            if isinstance(module, nn.Embedding):
                nn.init.normal_(module.weight, std=0.02, generator=generator)
            elif isinstance(module, nn.Linear):
                nn.init.xavier_uniform_(module.weight, generator=generator)
                nn.init.zeros_(module.bias)

    def forward(self, ids, mask=None, details=False):
        mask = ids != 0 if mask is None else mask
        if not mask.any(1).all():
            empty = int((~mask.any(1)).nonzero()[0, 0])
            raise ValueError(f"sentence {empty} is padding only: a sentence needs a token that counts")
        if not details:  # columns in which nothing counts cost time and change nothing
            used = int(mask.any(0).nonzero().amax()) + 1
            ids, mask = ids[:, :used], mask[:, :used]
        if ids.shape[1] > self.positions.num_embeddings:
            raise ValueError(f"the sentences have up to {ids.shape[1]} tokens, more than longest allows")
        state = self.norm(self.tokens(ids) + positions_of(self.positions, ids, mask))
        state = F.dropout(state, self.dropout, self.training)
        states, inside = [state], []
        for layer in self.layers:
            state, seen = layer(state, mask)
            states.append(state)
            inside.append(seen)
        pooled = first_of_tokens(state, mask) if self.pooling == "first" else mean_of_tokens(state, mask)
        logits = self.head(F.dropout(pooled, self.dropout, self.training))
        if not details:
            return logits
        by_name = {name: [seen[name] for seen in inside] for name in inside[0]}
        return {"logits": logits, "pooled": pooled, "states": states, **by_name}


def positions_of(table, ids, mask, past=0):
    """The rows of a table of positions for ids (N, L) after `past` others; the first token that counts has position 0.

    mask is bool (N, past + L), True where a token counts, or None.
    """
    places = torch.arange(past, past + ids.shape[1], device=ids.device)
    padded = mask.int().argmax(1) if mask is not None else None
    if padded is None or not padded.any():
        return table.weight[past : past + ids.shape[1]]
    return table((places - padded[:, None]).clamp(min=0))


class EncoderLayer(nn.Module):
    """One layer of a transformer encoder: (N, L, width) -> (the new states, what attention saw)."""

    def __init__(self, width, heads, inner, dropout):
        super().__init__()
        self.heads, self.dropout = heads, dropout
        self.query, self.key, self.value = nn.Linear(width, width), nn.Linear(width, width), nn.Linear(width, width)
        self.mix = nn.Linear(width, width)
        self.attention_norm = nn.LayerNorm(width, eps=1e-12)
        self.up, self.down = nn.Linear(width, inner), nn.Linear(inner, width)
        self.norm = nn.LayerNorm(width, eps=1e-12)

    def forward(self, state, mask):
        queries, keys, values = (self._split(part(state)) for part in (self.query, self.key, self.value))
        scores = attention_scores(queries, keys, mask)
        attention = scores.softmax(-1)
        mixed = F.dropout(attention, self.dropout, self.training) @ values
        mixed = self.mix(mixed.transpose(1, 2).flatten(2))  # the heads side by side again
        state = self.attention_norm(state + F.dropout(mixed, self.dropout, self.training))
        thought = self.down(F.gelu(self.up(state)))
        state = self.norm(state + F.dropout(thought, self.dropout, self.training))
        return state, {
            "queries": queries, "keys": keys, "values": values, "scores": scores, "attentions": attention,
        }  # fmt: skip

    def _split(self, x):
        """(N, L, width) -> (N, heads, L, width / heads)."""
        return x.unflatten(-1, (self.heads, -1)).transpose(1, 2)


def attention_scores(queries, keys, mask=None):
    """queries · keys / sqrt(d): (..., L, d) twice -> (..., L, L); minus infinity where the key's token is masked.

    mask is bool (N, L), True where a token counts, for queries and keys (N, heads, L, d).
    """
    scores = queries @ keys.transpose(-1, -2) / queries.shape[-1] ** 0.5
    return scores if mask is None else scores.masked_fill(~mask[:, None, None, :], float("-inf"))


def first_of_tokens(states, mask):
    """The state of the first token that counts, of states (N, L, width): (N, width)."""
    return states[torch.arange(len(states), device=states.device), mask.int().argmax(1)]


def mean_of_tokens(states, mask):
    """The mean of the states (N, L, width) of the tokens that count: (N, width)."""
    weights = mask.unsqueeze(-1).to(states.dtype)
    return (states * weights).sum(1) / weights.sum(1)


class LanguageModel(nn.Module):
    """A decoder-only transformer (Radford et al. 2019, GPT-2's form): ids (N, L) -> logits (N, L, vocabulary).

    Entry [n, i] scores what follows ids[n, : i + 1]; it never sees what comes later. Token and position embeddings,
    then `layers` times causal attention and a small network for each token, each fed a normalised copy and added to
    what came in; the logits are products with the token embeddings themselves (weight tying, Press & Wolf 2017).

    Texts of unequal length: padding on the right needs no mask, since nobody looks ahead; with padding on the left give
    `mask` bool (N, L), with a cache (N, all tokens so far), True where a token counts. What stands at padding means
    nothing. (`kdlab.generation.answer` writes after prompts of unequal length.)

    `cache`, a list that is empty at first, keeps the keys and values of every layer, so that the next call takes the
    new tokens alone: `cache = []; model(ids[:, :5], cache); model(ids[:, 5:6], cache)`. ValueError if the text
    becomes longer than `context`. `std` is that of the initial weights: 0.02 is GPT-2's, for a width of 768; a narrow
    model learns much sooner from about 0.55 / sqrt(width). The same seed gives the same initial weights and touches no
    other random number.
    """

    def __init__(
        self, vocabulary, *, width=64, heads=4, layers=2, inner=None, context=128, dropout=0.0, std=0.02, seed=0
    ):  # fmt: skip
        super().__init__()
        sizes = {"vocabulary": vocabulary, "width": width, "heads": heads, "layers": layers, "context": context}
        sizes |= {"inner": inner if inner is not None else 4 * width}
        vocabulary, width, heads, layers, context, inner = _check_transformer(sizes, dropout)
        self.context, self.dropout = context, dropout
        with _building():
            self.tokens = nn.Embedding(vocabulary, width)
            self.positions = nn.Embedding(context, width)
            self.layers = nn.ModuleList(DecoderLayer(width, heads, inner, dropout) for _ in range(layers))
            self.norm = nn.LayerNorm(width)
            self.float()
        generator = torch.Generator().manual_seed(check_whole("seed", seed, 0))
        for name, module in self.named_modules():
            if isinstance(module, nn.Embedding | nn.Linear):
                # what is added to the stream in each layer starts smaller, so that depth does not swell it (GPT-2)
                added = name.endswith(("mix", "down"))
                nn.init.normal_(module.weight, std=std / (2 * layers) ** 0.5 if added else std, generator=generator)
            if isinstance(module, nn.Linear):
                nn.init.zeros_(module.bias)

    def forward(self, ids, cache=None, mask=None):
        past = cache[0][0].shape[2] if cache else 0
        _check_ids(ids, mask, past)
        if past + ids.shape[1] > self.context:
            raise ValueError(f"the text has {past + ids.shape[1]} tokens, more than the context of {self.context}")
        state = self.tokens(ids) + positions_of(self.positions, ids, mask, past)
        state = F.dropout(state, self.dropout, self.training)
        seen = []
        for n, layer in enumerate(self.layers):
            state, keys_values = layer(state, cache[n] if cache else None, mask)
            seen.append(keys_values)
        if cache is not None:
            cache[:] = seen
        return self.norm(state) @ self.tokens.weight.T


class DecoderLayer(nn.Module):
    """One layer of a decoder: the new states of (N, L, width), and the keys and values (N, heads, L, width / heads)."""

    def __init__(self, width, heads, inner, dropout):
        super().__init__()
        self.heads, self.dropout = heads, dropout
        self.attention_norm, self.norm = nn.LayerNorm(width), nn.LayerNorm(width)
        self.queries_keys_values = nn.Linear(width, 3 * width)
        self.mix = nn.Linear(width, width)
        self.up, self.down = nn.Linear(width, inner), nn.Linear(inner, width)

    def forward(self, state, past=None, mask=None):
        parts = self.queries_keys_values(self.attention_norm(state)).chunk(3, -1)
        queries, keys, values = (part.unflatten(-1, (self.heads, -1)).transpose(1, 2) for part in parts)
        if past is not None:
            keys, values = torch.cat([past[0], keys], 2), torch.cat([past[1], values], 2)
        mixed = causal_attention(queries, keys, values, self.dropout if self.training else 0.0, mask)
        mixed = self.mix(mixed.transpose(1, 2).flatten(2))  # the heads side by side again
        state = state + F.dropout(mixed, self.dropout, self.training)
        thought = self.down(F.gelu(self.up(self.norm(state))))
        return state + F.dropout(thought, self.dropout, self.training), (keys, values)


def causal_attention(queries, keys, values, dropout=0.0, mask=None):
    """softmax(queries · keys / sqrt(d)) · values, (N, heads, L, d): each of the last L tokens sees those up to itself.

    There may be more keys and values than queries: those of earlier tokens, from a cache. mask is bool (N, keys), True
    where a token counts and is seen, or (N, L, keys), True where a query sees a key. Everyone sees itself, so that
    nothing becomes NaN.
    """
    new, all_ = queries.shape[2], keys.shape[2]
    if new == all_ and mask is None:
        return F.scaled_dot_product_attention(queries, keys, values, dropout_p=dropout, is_causal=True)
    seen = queries.new_ones(new, all_, dtype=torch.bool).tril(all_ - new) if new > 1 or mask is not None else None
    if mask is not None:
        itself = torch.eye(all_, dtype=torch.bool, device=mask.device)[all_ - new :]
        seen = (seen & (mask[:, None, None] if mask.ndim == 2 else mask[:, None])) | itself
    return F.scaled_dot_product_attention(queries, keys, values, attn_mask=seen, dropout_p=dropout)


def _check_ids(ids, mask, past):
    """ValueError unless ids are (N, L), and the mask (N, past + L) has a token that counts in every row."""
    if not isinstance(ids, torch.Tensor) or ids.ndim != 2:
        found = f"a tensor {tuple(ids.shape)}" if isinstance(ids, torch.Tensor) else type(ids).__name__
        raise ValueError(
            f"a language model reads ids int64 (N, L), all rows of one length, got {found}: fill shorter texts up on the "
            "right, or on the left and give a mask"
        )
    if mask is None:
        return
    shape = (len(ids), past + ids.shape[1])
    if not isinstance(mask, torch.Tensor) or mask.dtype != torch.bool or mask.shape != shape:
        found = f"{mask.dtype} {tuple(mask.shape)}" if isinstance(mask, torch.Tensor) else type(mask).__name__
        raise ValueError(
            f"mask must be a bool tensor {shape}, all tokens read so far, True where one counts: got {found}"
        )
    if not mask.any(1).all():
        raise ValueError(
            f"text {int((~mask.any(1)).nonzero()[0, 0])} is padding only: a text needs a token that counts"
        )


def _check_transformer(sizes, dropout):
    """The sizes as Python's numbers; ValueError unless a transformer of these sizes can be built."""
    sizes = {name: check_whole(name, size, 1) for name, size in sizes.items()}
    width, heads = sizes["width"], sizes["heads"]
    if width % heads:
        raise ValueError(f"width must be a multiple of heads: {width} numbers cannot be shared among {heads} heads")
    if not 0 <= dropout < 1:
        raise ValueError(f"dropout must be in [0, 1), got {dropout!r}")
    return sizes.values()
