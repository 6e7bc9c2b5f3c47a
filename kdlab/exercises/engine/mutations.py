"""Mistakes as changes of the reference: of its arguments (by their roles), or of one of its steps (by its source).

A change is a sentence and a function with the reference's signature. Whoever made that mistake gets that function's
values, in whatever style the answer is written.
"""

import ast
import copy
import functools
import inspect
import itertools
import textwrap
from typing import NamedTuple

import torch
from torch.nn import functional as F

from kdlab.exercises.engine.draws import LOGITS, ROLES, bound


class Change(NamedTuple):
    """What a mistake is called, and what comes out with it; `function` takes what the reference takes."""

    sentence: str
    function: object


# Changes of the arguments ---------------------------------------------------------------------------------------------


def argument_changes(reference, roles):
    """[(sentence, change)] of the common mistakes that the roles suggest; `change` maps a dict of arguments to another."""
    names = list(inspect.signature(reference).parameters)
    found = [*_swaps(names, roles), *_both(names, roles)]
    for name in names:
        found += _OF_ROLE.get(roles.get(name), lambda name, roles: [])(name, roles)
    return found


def with_arguments(function, reference, change):
    """`function`, which takes what the reference takes, called with changed arguments."""
    names = list(inspect.signature(reference).parameters)

    def changed(*args, **kwargs):
        arguments = dict(zip(names, args, strict=False)) | kwargs
        args, kwargs = bound(reference, change(arguments))
        return function(*args, **kwargs)

    return changed


def _swaps(names, roles):
    """Student and teacher, or p and q, in each other's place."""
    for i, first in enumerate(names):
        for second in names[i + 1 :]:
            pair = {roles.get(first), roles.get(second)}
            if pair in (
                {f"student{kind}", f"teacher{kind}"} for kind in ("", " features", " model", " log-probabilities")
            ):
                yield (
                    f"Student and teacher are swapped: your result is what comes out with `{first}` and `{second}` in "
                    "each other's place, the other direction.",
                    lambda a, f=first, s=second: a | {f: a[s], s: a[f]},
                )
            elif roles.get(first) == roles.get(second) == "probabilities":
                yield (
                    f"`{first}` and `{second}` are in each other's place: that is the other direction.",
                    lambda a, f=first, s=second: a | {f: a[s], s: a[f]},
                )


def _both(names, roles):
    """One mistake made with both distributions at once."""
    logits = [name for name in names if roles.get(name) in LOGITS]
    temperature = next((name for name in names if roles.get(name) == "temperature"), None)
    if len(logits) > 1:
        said = " and ".join(f"`{name}`" for name in logits)

        def twice(a):
            T = a.get(temperature, 1.0)
            return a | {name: (a[name] / T).softmax(-1) * T for name in logits}

        yield (
            f"Softmax twice: the probabilities of {said} go through a second softmax (log_softmax holds one already).",
            twice,
        )
        if temperature:
            yield (
                f"The temperature divides probabilities: you take the softmax of {said} first. Divide the logits.",
                lambda a: a | {name: a[name].softmax(-1) for name in logits},
            )
    probabilities = [name for name in names if roles.get(name) == "probabilities"]
    if len(probabilities) > 1:
        said = " and ".join(f"`{name}`" for name in probabilities)
        yield (
            f"You take the softmax of {said}, which are probabilities already: softmax belongs to logits.",
            lambda a: a | {name: a[name].softmax(-1) for name in probabilities},
        )


def _temperature(name, roles):
    yield (
        f"Temperature makes no difference to your result. Is `{name}` used, and does it survive to the end?",
        lambda a: a | {name: 1.0},
    )
    yield (
        f"You multiply by `{name}` where you should divide by it: a higher temperature should flatten, not sharpen.",
        lambda a: a | {name: 1 / a[name]},
    )
    yield f"You divide by the square of `{name}`: once is enough.", lambda a: a | {name: a[name] ** 2}
    yield f"You take the root of `{name}`: divide by the temperature itself.", lambda a: a | {name: a[name] ** 0.5}
    logits = [other for other, role in roles.items() if role in LOGITS]
    for other in logits:
        rest = [n for n in logits if n != other]
        alone = f"Only `{rest[0]}` is softened: divide `{other}` by `{name}` as well." if rest else None
        if alone:
            yield alone, lambda a, o=other: a | {o: a[o] * a[name]}


def _weight(name, roles):
    yield f"The weights are swapped: `{name}` stands where 1 - {name} belongs.", lambda a: a | {name: 1 - a[name]}
    yield f"`{name}` is squared on its way.", lambda a: a | {name: a[name] ** 2}


def _logits(name, roles):
    temperature = next((n for n, role in roles.items() if role == "temperature"), None)

    def again(a):
        T = a.get(temperature, 1.0)
        return a | {name: (a[name] / T).softmax(-1) * T}

    def before(a):
        return a | {name: a[name].softmax(-1)}

    twice = (
        f"Softmax twice: `{name}` goes through a softmax, and the probabilities go through a second one (log_softmax and "
        "F.cross_entropy take logits and hold a softmax already)."
    )
    yield twice, again
    if temperature:
        yield (
            f"The temperature divides probabilities: you take the softmax of `{name}` first. Divide the logits.",
            before,
        )
    if roles[name] == "teacher":
        labels = next((n for n, role in roles.items() if role == "labels"), None)
        yield (
            f"Only the argmax of `{name}` counts in your result, as a one-hot label: use all of the teacher's "
            "probabilities.",
            lambda a: a | {name: 1e4 * F.one_hot(a[name].argmax(-1), a[name].shape[-1]).float()},
        )
        if labels:
            yield (
                f"The labels stand where the teacher belongs: `{name}` makes no difference to your result.",
                lambda a: a | {name: 1e4 * F.one_hot(a[labels].clamp(min=0), a[name].shape[-1]).float()},
            )


def _probabilities(name, roles):
    yield (
        f"You take the softmax of `{name}`, which are probabilities already: softmax belongs to logits.",
        lambda a: a | {name: a[name].softmax(-1)},
    )
    yield f"`{name}` are probabilities; you use their logarithms in their place.", lambda a: a | {name: a[name].log()}


def _mask(name, roles):
    yield (
        f"`{name}` makes no difference to your result: what is masked counts as well.",
        lambda a: a | {name: torch.ones_like(a[name])},
    )
    yield (
        f"`{name}` is turned round: you count what is masked and leave out what counts.",
        lambda a: a | {name: ~a[name]},
    )
    yield (
        f"`{name}` as whole numbers (int, long) is no mask: they pick the places 0 and 1, again and again. Keep it bool.",
        lambda a: a | {name: a[name].long()},
    )


def _size(name, roles):
    yield f"You use `{name}` + 1 where `{name}` belongs.", lambda a: a | {name: a[name] + 1}
    yield f"You use `{name}` - 1 where `{name}` belongs.", lambda a: a | {name: a[name] - 1}


_OF_ROLE = {
    "size": _size,
    "temperature": _temperature,
    "weight": _weight,
    "mask": _mask,
    "probabilities": _probabilities,
}
_OF_ROLE |= dict.fromkeys(LOGITS, _logits)


# An exercise's own mistakes, by the parts of its answer ---------------------------------------------------------------


def by_parts(build, **parts):
    """{"mistakes": ..., "pairs": ...} of an exercise whose answer has parts that may go wrong one by one.

    `build(part=option, ...)` makes an answer; `parts` maps each part to {sentence: wrong option, or a tuple of them}.
    """
    options = {
        part: [(s, o if isinstance(o, tuple) else (o,)) for s, o in wrong.items()] for part, wrong in parts.items()
    }
    mistakes = {s: tuple(build(**{part: o}) for o in many) for part, wrong in options.items() for s, many in wrong}
    pairs = {
        f"Two things at once. {first} And: {second}": tuple(
            build(**{one: a, other: b}) for a, b in itertools.product(these, those)
        )
        for one, other in itertools.combinations(options, 2)
        for (first, these), (second, those) in itertools.product(options[one], options[other])
    }
    return {"mistakes": mistakes, "pairs": pairs}


# Changes of a step ----------------------------------------------------------------------------------------------------

RENAMED = {
    "softmax": [("log_softmax", "logarithms of the probabilities where the probabilities themselves belong")],
    "log_softmax": [("softmax", "probabilities where their logarithms (log_softmax) belong")],
    "mean": [("sum", "the sum in place of the mean"), ("median", "the median in place of the mean"), ("max", "the maximum in place of the mean")],
    "sum": [("mean", "the mean in place of the sum")],
    "log": [("log2", "the logarithm to base 2 (bits) in place of the natural one (nats)"), ("log10", "the logarithm to base 10")],
    "exp": [("exp2", "2 to that power in place of e to it"), ("expm1", "exp minus 1")],
    "log2": [("log", "the natural logarithm")],
    "argmax": [("argmin", "the smallest in place of the largest")],
    "argmin": [("argmax", "the largest in place of the smallest")],
    "max": [("min", "the smallest in place of the largest"), ("mean", "the mean in place of the maximum"), ("sum", "the sum in place of the maximum")],
    "min": [("max", "the largest in place of the smallest")],
    "amax": [("amin", "the smallest in place of the largest")],
    "square": [("abs", "the absolute value in place of the square")],
    "abs": [("square", "the square in place of the absolute value")],
    "any": [("all", "all in place of any")],
    "all": [("any", "any in place of all")],
    "ceil": [("floor", "rounding down in place of up"), ("round", "rounding to the nearest in place of up")],
    "floor": [("ceil", "rounding up in place of down"), ("round", "rounding to the nearest in place of down")],
    "round": [("floor", "rounding down in place of to the nearest"), ("ceil", "rounding up in place of to the nearest")],
    "tril": [("triu", "the upper triangle in place of the lower")],
    "triu": [("tril", "the lower triangle in place of the upper")],
    "stdev": [("pstdev", "division by n in place of n - 1: the spread of a whole population, not of a sample")],
    "fmean": [("median", "the median in place of the mean")],
}  # fmt: skip
COMPARED = {
    ast.Lt: [ast.LtE, ast.GtE, ast.Gt], ast.LtE: [ast.Lt, ast.Gt, ast.GtE], ast.Gt: [ast.GtE, ast.LtE, ast.Lt],
    ast.GtE: [ast.Gt, ast.Lt, ast.LtE], ast.Eq: [ast.NotEq], ast.NotEq: [ast.Eq], ast.In: [ast.NotIn],
    ast.NotIn: [ast.In],
}  # fmt: skip
NOT_DROPPED = {
    "unsqueeze",
    "detach",
    "to",
    "clone",
    "long",
    "float",
    "double",
    "contiguous",
    "append",
    "size",
    "dim",
    "items",
    "keys",
}
COMES_OUT = "Your result is what comes out"


def step_changes(*forms):
    """The changes of one step of each form of the reference: an operation left out, turned round or exchanged."""
    return [change for form in forms for change in _step_changes(form)]


def cuts(*forms):
    """The same for gradients: each expression of each form with its gradient cut off, and each detach() left out."""
    return [change for form in forms for change in _step_changes(form, cutting=True)]


@functools.cache
def numbers_in(function):
    """{words: number} of the numbers above 2 in the reference's own code, such as seconds in an hour."""
    tree = _parsed(function)
    found = [n.value for n in ast.walk(tree) if isinstance(n, ast.Constant)] if tree is not None else []
    return {f"{n:g}": float(n) for n in found if type(n) in (int, float) and n > 2}


def other_logarithms(function):
    """True where the reference itself counts in bits or decades."""
    tree = _parsed(function)
    source = "" if tree is None else ast.unparse(tree)
    return any(words in source for words in ("log2", "log10", "log(2", "log(10", "bits"))


def scaled_terms(*forms):
    """[(source of a term, make)]: `make(k)` is the reference with that term times k."""
    return [term for form in forms for term in _scaled_terms(form)]


@functools.cache
def _step_changes(function, cutting=False):
    tree = _parsed(function)
    if tree is None:
        return ()
    replacements = _cut if cutting else _replacements
    found = []
    for change, sentence in () if cutting else _EVERYWHERE:
        fresh = change().visit(_copied(tree))
        changed = _compiled(fresh, function)
        if ast.dump(fresh) != ast.dump(tree) and changed is not None:
            found.append(Change(sentence, changed))
    for put_back, node in _places(tree, statements=not cutting):
        for new, sentence in replacements(node, tree):
            put_back(new)
            changed = _compiled(tree, function)
            if changed is not None:
                found.append(Change(sentence, changed))
        put_back(node)
    return tuple(found)


@functools.cache
def _scaled_terms(function):
    tree = _parsed(function)
    if tree is None:
        return ()
    found, seen = [], set()
    for put_back, node in _places(tree, statements=False):
        if not isinstance(node, (ast.BinOp, ast.Call, ast.Name, ast.UnaryOp)) or not getattr(node, "is_term", False):
            continue
        source = ast.unparse(node)
        if source in seen:
            continue
        seen.add(source)
        put_back(ast.BinOp(node, ast.Mult(), ast.Name("_k", ast.Load())))
        made = _compiled(tree, function, factor=True)
        put_back(node)
        if made is not None:
            found.append((source, made))
    return tuple(found)


def _copied(node):
    """A copy of a syntax tree, or of a list of them (copy.deepcopy takes three times as long)."""
    if isinstance(node, list):
        return [_copied(item) for item in node]
    if not isinstance(node, ast.AST):
        return node
    new = type(node)()
    vars(new).update({name: _copied(value) for name, value in vars(node).items()})
    return new


def _parsed(function):
    """The function's syntax tree, without its docstring; terms of sums and assigned values are marked."""
    try:
        tree = _source_tree(inspect.unwrap(function))
    except (OSError, TypeError, SyntaxError):
        return None
    definition = tree.body[0]
    if not isinstance(definition, ast.FunctionDef):
        return None
    if ast.get_docstring(definition) is not None:
        definition.body = definition.body[1:]
    for node in ast.walk(definition):
        if isinstance(node, ast.BinOp) and isinstance(node.op, (ast.Add, ast.Sub)):
            node.left.is_term = node.right.is_term = True
        elif isinstance(node, (ast.Assign, ast.Return)) and node.value is not None:
            node.value.is_term = True
    return tree


def _source_tree(function):
    """The tree of the function alone; a lambda becomes a definition that returns its body."""
    if function.__name__ != "<lambda>":
        return ast.parse(textwrap.dedent(inspect.getsource(function)))
    code = function.__code__
    for node in ast.walk(_file_tree(inspect.getsourcefile(function))):
        if isinstance(node, ast.Lambda) and node.lineno == code.co_firstlineno:
            positions = {p[2] for p in code.co_positions() if p[0] == node.body.lineno and p[2] is not None}
            if node.body.col_offset in positions:
                body = [ast.Return(_copied(node.body))]
                definition = ast.FunctionDef("form", _copied(node.args), body, [], lineno=1, col_offset=0)
                return ast.fix_missing_locations(ast.Module([definition], []))
    raise SyntaxError("no such lambda")


@functools.cache
def _file_tree(file):
    with open(file, encoding="utf-8") as source:
        return ast.parse(source.read())


def _compiled(tree, function, factor=False):
    """The changed function; with `factor`, a function of k that returns it. None where the change is no Python."""
    fresh = _Finite().visit(_copied(tree))
    fresh.body[0].body.insert(0, ast.parse("_rounds = iter(range(10_000))").body[0])
    ast.fix_missing_locations(fresh)
    namespace = dict(inspect.unwrap(function).__globals__) | {"_cut_off": _cut_off}
    namespace |= inspect.getclosurevars(inspect.unwrap(function)).nonlocals
    try:
        exec(compile(fresh, "<change>", "exec"), namespace)
    except (SyntaxError, ValueError, TypeError):
        return None
    changed = namespace[fresh.body[0].name]
    if not factor:
        return changed

    def make(k):
        namespace["_k"] = k
        return changed

    return make


class _Finite(ast.NodeTransformer):
    """Every loop ends, after 10 000 rounds with an error: a changed step may make it endless."""

    def visit_For(self, node):
        self.generic_visit(node)
        node.body = [ast.parse("next(_rounds)").body[0], *node.body]
        return node

    visit_While = visit_For


def _cut_off(value):
    return value.detach() if isinstance(value, torch.Tensor) else value


def _places(tree, statements):
    """(put, node) of each expression (and statement) of the function's body: `put(new)` sets another in its place."""
    definition = tree.body[0]
    todo = [(definition.body, i, node) for i, node in enumerate(definition.body)]
    while todo:
        owner, key, node = todo.pop(0)
        if isinstance(node, ast.expr) or (statements and isinstance(node, ast.stmt)):
            yield functools.partial(_put, owner, key), node
        for field, value in ast.iter_fields(node):
            if field in ("ctx", "op", "ops", "annotation", "func") and not isinstance(value, ast.Attribute):
                continue
            if field == "targets" or (field == "target" and isinstance(node, (ast.Assign, ast.AugAssign, ast.For))):
                continue
            if isinstance(value, list):
                todo += [(value, i, item) for i, item in enumerate(value) if isinstance(item, ast.AST)]
            elif isinstance(value, ast.Attribute) and field == "func":
                todo.append((value, "value", value.value))
            elif isinstance(value, ast.AST):
                todo.append((node, field, value))


def _put(owner, key, new):
    if isinstance(owner, list):
        owner[key] = new
    else:
        setattr(owner, key, new)


def _short(node):
    source = ast.unparse(node)
    return source if len(source) <= 60 else source[:59] + "…"


def _replacements(node, tree):
    """(new node, sentence) for the ways in which a step like this one goes wrong."""
    kind = type(node).__name__
    yield from getattr(_Steps, kind, lambda node, tree: ())(node, tree)


class _Steps:
    """For each kind of node, what learners write in its place."""

    @staticmethod
    def BinOp(node, tree):
        left, right, op = node.left, node.right, type(node.op)
        a, b, whole = _short(left), _short(right), _short(node)
        if op is ast.Mult:
            yield left, f"{COMES_OUT} without the factor `{b}` (in `{whole}`)."
            yield right, f"{COMES_OUT} without the factor `{a}` (in `{whole}`)."
            yield ast.BinOp(left, ast.Div(), right), f"You divide by `{b}` where you should multiply (`{whole}`)."
            yield ast.BinOp(left, ast.Add(), right), f"You add where you should multiply: `{whole}`."
        elif op is ast.Div:
            rounded = any(_name(call) in ROUNDING and node in call.args for call in ast.walk(tree))
            yield left, f"{COMES_OUT} without the division by `{b}` (in `{whole}`)."
            yield ast.BinOp(left, ast.Mult(), right), f"You multiply by `{b}` where you should divide (`{whole}`)."
            if not rounded:  # else it is 0 or 1, whatever comes in, and fits where a factor is left out
                yield ast.BinOp(right, ast.Div(), left), f"The fraction is upside down: it should be `{whole}`."
            yield ast.BinOp(node, ast.Div(), right), f"You divide by `{b}` twice (in `{whole}`)."
            yield ast.BinOp(left, ast.Sub(), right), f"You subtract `{b}` where you should divide by it."
            yield (
                ast.BinOp(left, ast.FloorDiv(), right),
                f"What stands behind the point is lost (`//`, int or rounding): `{whole}` keeps its fraction.",
            )
            if isinstance(left, ast.BinOp) and isinstance(left.op, (ast.Add, ast.Sub)):
                inner = ast.BinOp(left.left, left.op, ast.BinOp(left.right, ast.Div(), right))
                yield (
                    inner,
                    f"Brackets are missing: only `{_short(left.right)}` is divided by `{b}`, not the whole of `{a}`.",
                )
                other = ast.BinOp(ast.BinOp(left.left, ast.Div(), right), left.op, left.right)
                yield other, f"Only `{_short(left.left)}` is divided by `{b}`; divide the whole of `{a}`, both parts."
            if isinstance(right, ast.BinOp):
                inner = ast.BinOp(ast.BinOp(left, ast.Div(), right.left), right.op, right.right)
                yield inner, f"Brackets are missing: divide by the whole of `{b}`."
        elif op is ast.FloorDiv:
            yield ast.BinOp(left, ast.Div(), right), f"`{whole}` should be a whole number (`//`)."
            up = ast.UnaryOp(ast.USub(), ast.BinOp(ast.UnaryOp(ast.USub(), left), ast.FloorDiv(), right))
            yield up, f"You round up where `{whole}` rounds down."
        elif op is ast.Sub:
            yield (
                ast.BinOp(right, ast.Sub(), left),
                f"The difference is the wrong way round: the sign of `{whole}` is turned.",
            )
            yield left, f"{COMES_OUT} when `{b}` is not subtracted (in `{whole}`)."
            yield (
                ast.BinOp(left, ast.Add(), right),
                f"You add `{b}` where you should subtract it (`{whole}`): the sign is turned.",
            )
            yield ast.BinOp(left, ast.Div(), right), f"You divide by `{b}` where you should subtract it (`{whole}`)."
            yield ast.BinOp(left, ast.Mult(), right), f"You multiply by `{b}` where you should subtract it (`{whole}`)."
            yield right, f"{COMES_OUT} with `{b}` in place of `{whole}`."
            yield ast.UnaryOp(ast.USub(), right), f"`{a}` is missing (in `{whole}`)."
            gap = ast.Call(ast.Name("abs", ast.Load()), [node], [])
            yield gap, f"You take the absolute value of the difference `{whole}`: its sign counts."
        elif op is ast.Add:
            yield left, f"The term `{b}` is missing (in `{whole}`)."
            yield right, f"The term `{a}` is missing (in `{whole}`)."
            yield ast.BinOp(left, ast.Sub(), right), f"The sign of `{b}` is turned: it should be added, not subtracted."
            yield ast.BinOp(right, ast.Sub(), left), f"The sign of `{a}` is turned: it should be added, not subtracted."
            yield ast.BinOp(left, ast.Mult(), right), f"You multiply where you should add: `{whole}`."
        elif op is ast.Pow:
            yield (
                left,
                f"The power is missing: {COMES_OUT[0].lower() + COMES_OUT[1:]} with `{a}` in place of `{whole}`.",
            )
            size = ast.Call(ast.Name("abs", ast.Load()), [left], [])
            yield size, f"You take the absolute value in place of the square: `{whole}`."
            yield (
                ast.BinOp(left, ast.Mult(), right),
                f"You multiply by {b} where you should raise to that power: `{whole}`.",
            )
        elif op in (ast.BitAnd, ast.BitOr):
            turned = ast.BitOr() if op is ast.BitAnd else ast.BitAnd()
            yield ast.BinOp(left, turned, right), f"*And* and *or* are exchanged in `{whole}`."
            yield left, f"The condition `{b}` is missing (in `{whole}`)."
            yield right, f"The condition `{a}` is missing (in `{whole}`)."
        elif op is ast.Mod:
            yield left, f"{COMES_OUT} without the remainder `% {b}`."

    @staticmethod
    def UnaryOp(node, tree):
        inner = _short(node.operand)
        if isinstance(node.op, ast.USub) and not isinstance(node.operand, ast.Constant):
            yield node.operand, f"The minus sign in front of `{inner}` is missing: the sign is turned."
        elif isinstance(node.op, (ast.Invert, ast.Not)):
            yield node.operand, f"The condition is turned round: `{_short(node)}`, not `{inner}`."

    @staticmethod
    def Compare(node, tree):
        if len(node.ops) != 1:
            return
        for op in COMPARED.get(type(node.ops[0]), ()):
            new = ast.Compare(node.left, [op()], node.comparators)
            yield new, f"The comparison is off: {COMES_OUT[0].lower() + COMES_OUT[1:]} with `{_short(new)}`."

    @staticmethod
    def BoolOp(node, tree):
        turned = ast.Or() if isinstance(node.op, ast.And) else ast.And()
        yield ast.BoolOp(turned, node.values), f"*And* and *or* are exchanged in `{_short(node)}`."
        for i, value in enumerate(node.values):
            rest = [v for j, v in enumerate(node.values) if j != i]
            new = rest[0] if len(rest) == 1 else ast.BoolOp(node.op, rest)
            yield new, f"The condition `{_short(value)}` is missing."

    @staticmethod
    def IfExp(node, tree):
        for branch, words in ((node.body, "The case without"), (node.orelse, "The case")):
            if not isinstance(branch, ast.Constant):  # the same number always has many causes
                yield branch, f"{words} `{_short(node.test)}` is missing."

    @staticmethod
    def Subscript(node, tree):
        whole = _short(node)
        if not isinstance(node.ctx, ast.Load):
            return
        part = node.slice
        if isinstance(node.value, ast.Attribute) and node.value.attr == "shape":
            for axis in (-1, -2, 0, 1, 2):
                other = ast.Subscript(node.value, ast.Constant(axis), node.ctx)
                yield other, f"The size of another axis: `{_short(other)}` stands where `{whole}` belongs."
            return
        yield node.value, f"{COMES_OUT} with `{_short(node.value)}` as it is, where `{whole}` belongs."
        if isinstance(part, ast.Slice) and part.step is None and (part.lower is None) != (part.upper is None):
            one = ast.Constant(1)
            if part.upper is None:
                other = ast.Slice(None, ast.UnaryOp(ast.USub(), one))
            else:
                other = ast.Slice(one, None)
            yield ast.Subscript(node.value, other, node.ctx), f"The wrong end is cut off: `{whole}`."

    @staticmethod
    def Slice(node, tree):
        """A cut one place too early or too late, the part on its other side, and the last where the first belong."""
        upper, whole = node.upper is not None, f"[{_short(node)}]"
        end = node.upper or node.lower
        if node.step is not None or upper == (node.lower is not None) or _number(end) is not None:
            return

        def cut(at, upper):
            return ast.Slice(None, at) if upper else ast.Slice(at, None)

        for op, words in ((ast.Add(), "+ 1"), (ast.Sub(), "- 1")):
            moved = ast.BinOp(end, op, ast.Constant(1))
            yield cut(moved, upper), f"You cut at `{_short(end)} {words}`: off by one (`{whole}`)."
        turned = end.operand if isinstance(end, ast.UnaryOp) else ast.UnaryOp(ast.USub(), end)
        yield cut(turned, not upper), f"You take the {'last' if upper else 'first'} of them, where `{whole}` belongs."
        yield cut(end, not upper), f"You take the part that should be left, where `{whole}` belongs."

    @staticmethod
    def Assign(node, tree):
        if len(node.targets) == 1 and not isinstance(node.value, ast.Tuple):
            for target, sentence in _unpacked(node.targets[0], node.value):
                yield ast.Assign([target], node.value), sentence

    @staticmethod
    def GeneratorExp(node, tree):
        for i, loop in enumerate(node.generators):
            for target, sentence in _unpacked(loop.target, loop.iter):
                new = copy.copy(node)
                new.generators = [*node.generators]
                new.generators[i] = ast.comprehension(target, loop.iter, loop.ifs, loop.is_async)
                yield new, sentence

    ListComp = GeneratorExp

    @staticmethod
    def Constant(node, tree):
        if type(node.value) is int and getattr(node, "is_step", True):
            for other in (node.value + 1, node.value - 1):
                yield ast.Constant(other), f"{COMES_OUT} with {other} in place of {node.value} somewhere: off by one?"

    @staticmethod
    def Name(node, tree):
        if not isinstance(node.ctx, ast.Load):
            return
        names = _names(tree)
        if node.id in names:
            for other in names:
                # a local name of ours says nothing to a learner who calls things otherwise
                said = node.id in _arguments_of(tree) or other in _arguments_of(tree)
                if said and other != node.id and (ROLES.get(other) == "mask") == (ROLES.get(node.id) == "mask"):
                    yield ast.Name(other, ast.Load()), f"`{other}` stands where `{node.id}` belongs."

    @staticmethod
    def Call(node, tree):
        name = _name(node)
        method = isinstance(node.func, ast.Attribute) and not _is_module(node.func.value)
        first = node.func.value if method else (node.args[0] if node.args else None)
        whole = _short(node)
        if name == "argsort" and _name(first) == "argsort":
            yield (
                first,
                f"`argsort` gives places in the order; the rank of each entry is the argsort of those: `{whole}`.",
            )
        if first is not None and name not in NOT_DROPPED:
            yield (
                first,
                f"`{name}` is missing: {COMES_OUT[0].lower() + COMES_OUT[1:]} with `{_short(first)}` in place of `{whole}`.",
            )
        for other, words in RENAMED.get(name, ()):
            new = _copied(node)
            if method:
                new.func.attr = other
            elif isinstance(new.func, ast.Attribute):
                new.func.attr = other
            else:
                new.func.id = other
            yield new, f"You take {words} (`{whole}`)."
        if name in ("log", "log2", "log_softmax"):
            yield from _with_a_small_number(node, name, first, method)
        if name in ("softmax", "log_softmax"):
            inner = _copied(node)
            (inner.func if isinstance(inner.func, ast.Attribute) else inner).attr = "softmax"
            outer = _copied(node)
            if method:
                outer.func.value = inner
            else:
                outer.args[0] = inner
            yield (
                outer,
                f"Softmax twice: a second softmax on top of the probabilities of `{_short(first)}` (log_softmax holds one already).",
            )
        if name in ("sum", "mean") and isinstance(first, (ast.BinOp, ast.Call)) and _is_square(first):
            root = ast.Call(ast.Attribute(node, "sqrt", ast.Load()), [], [])
            yield root, f"A root is taken of `{whole}`: the length stands where its square belongs."
        yield from _arguments(node, name, method, whole)

    @staticmethod
    def Tuple(node, tree):
        for i in range(len(node.elts) if isinstance(node.ctx, ast.Load) else 0):
            for j in range(i):
                swapped = list(node.elts)
                swapped[i], swapped[j] = swapped[j], swapped[i]
                yield ast.Tuple(swapped, node.ctx), f"The values are in another order: it should be `{_short(node)}`."

    @staticmethod
    def If(node, tree):
        yield (
            ast.If(ast.Constant(False), node.body, node.orelse),
            f"The case `{_short(node.test)}` is not treated apart.",
        )
        yield (
            ast.If(ast.Constant(True), node.body, node.orelse),
            f"The case where `{_short(node.test)}` does not hold is missing.",
        )

    @staticmethod
    def Expr(node, tree):
        yield ast.Pass(), f"The step `{_short(node)}` is missing."

    @staticmethod
    def AugAssign(node, tree):
        yield ast.Pass(), f"The step `{_short(node)}` is missing."
        new = ast.Assign([node.target], node.value)
        yield new, f"`=` stands where `{_short(node)}` belongs: only the last round of the loop is left."
        if isinstance(node.op, ast.Add):
            less, times = (ast.AugAssign(node.target, op, node.value) for op in (ast.Sub(), ast.Mult()))
            yield less, f"The sign is turned: you subtract where `{_short(node)}` adds."
            yield times, f"You multiply where `{_short(node)}` adds."

    @staticmethod
    def For(node, tree):
        rounds = ast.Call(ast.Name("list", ast.Load()), [node.iter], [])
        for part, words in ((ast.Slice(ast.Constant(1)), "first"), (ast.Slice(None, ast.Constant(-1)), "last")):
            new = copy.copy(node)
            new.iter = ast.Subscript(rounds, part, ast.Load())
            yield new, f"Your loop leaves out the {words} of `{_short(node.iter)}`."
        for target, sentence in _unpacked(node.target, node.iter):
            new = copy.copy(node)
            new.target = target
            yield new, sentence

    @staticmethod
    def With(node, tree):
        body = ast.If(ast.Constant(True), node.body, [])
        yield body, f"`{_short(node.items[0].context_expr)}` is missing around a step."


def _name(node):
    """What a call calls, without its owner or module; "" for any other node."""
    function = getattr(node, "func", None)
    return function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")


def _unpacked(target, source):
    """(target, sentence): what is unpacked into names, two of them in each other's place."""
    names = target.elts if isinstance(target, ast.Tuple) else []
    for i, j in itertools.combinations(range(len(names)), 2):
        swapped = list(names)
        swapped[i], swapped[j] = names[j], names[i]
        if all(isinstance(name, ast.Name) for name in names):
            words = f"`{_short(names[i])}` and `{_short(names[j])}` are in each other's place"
            yield (
                ast.Tuple(swapped, ast.Store()),
                f"{words}: `{_short(source)}` gives `{_short(target)}`, in this order.",
            )


ROUNDING = ("ceil", "floor", "round", "int")
REVERSED = {"sort": "descending", "argsort": "descending", "sorted": "reverse"}
SMALL = (1e-3, 1e-4, 1e-5, 1e-6, 1e-7, 1e-8)


def _with_a_small_number(node, name, first, method):
    """A logarithm of x + 1e-6, so that it is never that of 0."""
    whole = _short(node)
    for small in SMALL if first is not None else ():
        if name == "log_softmax":
            inside = _copied(node)
            (inside.func if isinstance(inside.func, ast.Attribute) else inside).attr = "softmax"
            padded = ast.BinOp(inside, ast.Add(), ast.Constant(small))
            new = ast.Call(ast.Attribute(padded, "log", ast.Load()), [], [])
            cure = f"`{name}` needs none: it never takes the logarithm of 0"
        else:
            new, padded = _copied(node), ast.BinOp(first, ast.Add(), ast.Constant(small))
            if method:
                new.func.value = padded
            else:
                new.args[0] = padded
            cure = "where it could be 0, stay in logarithms (log_softmax, logsumexp), or take `torch.xlogy`"
        words = (
            f"A small number is added before the logarithm, about {small:g}: what is small comes out wrong (`{whole}`)"
        )
        yield new, f"{words}; {cure}."


def _other_axes(axis):
    """(another axis, words) for the axis that stands there."""
    names = {0: "the first", -2: "the last but one", 1: "the second", -1: "the last"}
    here = _number(axis)
    rows = here == -1
    for other in (0, -2, 1, -1):
        if other == 0 and rows:
            words = "down the columns (dim=0), not along each row (dim=-1)"
        else:
            words = f"{names[other]} (dim={other}), not {names.get(here, 'the one')} (dim={ast.unparse(axis)})"
        if other != here:
            yield ast.Constant(other), f"over the wrong axis: {words}"
    yield ast.Constant(None), f"over everything at once: keep to {names.get(here, 'one')} axis, dim={ast.unparse(axis)}"


def _number(node):
    """The number that a node writes, with its sign; None where it is no number."""
    try:
        return ast.literal_eval(node)
    except ValueError:
        return None


def _arguments(node, name, method, whole):
    """Calls with other arguments: another axis, another keyword, swapped, a bracket that closes too early."""
    for i, keyword in enumerate(node.keywords):
        value = keyword.value
        options = []
        if keyword.arg in ("dim", "axis"):
            options = _other_axes(value)
        elif isinstance(value, ast.Constant) and isinstance(value.value, bool):
            options = [(ast.Constant(not value.value), f"with {keyword.arg}={not value.value}")]
        elif isinstance(value, ast.Constant) and value.value == "batchmean":
            options = [(ast.Constant("mean"), "with reduction='mean', which divides by the number of classes too: use 'batchmean'"),
                       (ast.Constant("sum"), "with reduction='sum', which grows with the batch: use 'batchmean'")]  # fmt: skip
        for other, words in options:
            new = _copied(node)
            new.keywords[i].value = other
            yield new, f"`{name}` runs {words} (`{whole}`)."
        if keyword.arg in ("dim", "axis"):
            new = _copied(node)
            del new.keywords[i]
            yield new, f"`{name}` runs over everything at once: keep to one axis (`{whole}`)."
    if name in REVERSED and not any(keyword.arg == REVERSED[name] for keyword in node.keywords):
        new = _copied(node)
        new.keywords.append(ast.keyword(REVERSED[name], ast.Constant(True)))
        yield new, f"You sort the largest to the front, and the smallest belong there (`{whole}`)."
    last = node.args[-1] if node.args else None
    if isinstance(last, ast.UnaryOp) and ast.unparse(last) == "-1":
        for other, words in (
            (0, "down the columns (dim=0), not along each row (dim=-1)"),
            (-2, "the last but one (dim=-2), not the last (dim=-1)"),
            (1, "the second (dim=1), not the last (dim=-1)"),
            (None, "over everything at once"),
        ):
            new = _copied(node)
            new.args[-1] = ast.Constant(other)
            yield new, f"`{name}` runs over the wrong axis: {words} (`{whole}`)."
        new = _copied(node)
        del new.args[-1]
        yield new, f"`{name}` runs over everything at once: keep to one axis (`{whole}`)."
    plain = [i for i, a in enumerate(node.args) if not isinstance(a, (ast.Starred, ast.Constant, ast.UnaryOp))]
    if len(plain) >= 2:
        i, j = plain[:2]
        new = _copied(node)
        new.args[i], new.args[j] = new.args[j], new.args[i]
        yield new, f"The arguments of `{name}` are swapped: it should be `{whole}`."
    if node.args and isinstance(node.args[0], ast.BinOp):
        inside = node.args[0]
        new = _copied(node)
        new.args[0] = inside.left
        words = f"A bracket closes too early: `{name}` is taken of `{_short(inside.left)}` alone, not of the whole of `{_short(inside)}`."
        yield ast.BinOp(new, inside.op, inside.right), words
        if isinstance(inside.op, (ast.Add, ast.Sub)):
            second = _copied(node)
            second.args[0] = inside.right
            yield (
                ast.BinOp(_copied(new), inside.op, second),
                f"You apply `{name}` to each part of `{_short(inside)}`: apply it to the whole.",
            )
    if method and isinstance(node.func.value, ast.BinOp):
        inside = node.func.value
        new = _copied(node)
        new.func.value = inside.left
        words = f"A bracket closes too early: `{name}` is taken of `{_short(inside.left)}` alone, not of the whole of `{_short(inside)}`."
        yield ast.BinOp(new, inside.op, inside.right), words


class _Columns(ast.NodeTransformer):
    """Every softmax down the columns."""

    axis = 0

    def visit_Call(self, node):
        self.generic_visit(node)
        name = _name(node)
        if name in ("softmax", "log_softmax"):
            axis = ast.Constant(self.axis)
            node.keywords = [ast.keyword("dim", axis) if k.arg == "dim" else k for k in node.keywords]
            if node.args and ast.unparse(node.args[-1]) == "-1":
                node.args[-1] = axis
        return node


class _LastButOne(_Columns):
    """Every softmax along the last axis but one."""

    axis = -2


class _Smallest(ast.NodeTransformer):
    """Every argmax an argmin."""

    def visit_Attribute(self, node):
        self.generic_visit(node)
        if node.attr == "argmax":
            node.attr = "argmin"
        return node


class _Plain(ast.NodeTransformer):
    """Every log_softmax a softmax."""

    def visit_Attribute(self, node):
        self.generic_visit(node)
        if node.attr == "log_softmax":
            node.attr = "softmax"
        return node


class _EarlyReturn(ast.NodeTransformer):
    """The `return` behind a loop stands inside it."""

    def visit_FunctionDef(self, node):
        body = node.body
        if len(body) > 1 and isinstance(body[-1], ast.Return) and isinstance(body[-2], (ast.For, ast.While)):
            body[-2].body.append(_copied(body[-1]))
        return node


class _FreshStart(ast.NodeTransformer):
    """What a loop collects is emptied in each of its rounds."""

    def visit_FunctionDef(self, node):
        for i, loop in enumerate(node.body):
            if isinstance(loop, ast.For):
                loop.body[:0] = [_copied(start) for start in node.body[:i] if isinstance(start, ast.Assign)]
                break
        return node


_EVERYWHERE = (
    (
        _EarlyReturn,
        "Only what the first round gives counts: does a `return` stand inside the loop, or is only the first of them looked at?",
    ),
    (_FreshStart, "Only the last round of your loop counts: what it collects starts afresh in each round."),
    (_Columns, "The softmax runs over the wrong axis: your columns sum to one. Each row is a distribution: dim=-1."),
    (
        _LastButOne,
        "The softmax runs over the wrong axis, the last but one. Each distribution lies along the last: dim=-1.",
    ),
    (_Smallest, "You take the smallest in place of the largest: argmax, not argmin."),
    (_Plain, "Probabilities stand where their logarithms belong: log_softmax, not softmax."),
)


def _cut(node, tree):
    """For gradients: the expression with its gradient cut off, or a detach() left out."""
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "detach":
        owner = _short(node.func.value)
        yield node.func.value, f"The value is right, but a gradient flows through `{owner}`, which should be detached."
    elif isinstance(node, (ast.BinOp, ast.Call, ast.Name, ast.UnaryOp)) and isinstance(
        getattr(node, "ctx", ast.Load()), ast.Load
    ):
        new = ast.Call(ast.Name("_cut_off", ast.Load()), [node], [])
        yield (
            new,
            f"The value is right, but no gradient passes through `{_short(node)}`: is that part detached, or under torch.no_grad()?",
        )


def _is_square(node):
    power = isinstance(node, ast.BinOp) and isinstance(node.op, ast.Pow) and ast.unparse(node.right) == "2"
    return power or isinstance(node, ast.Call) and getattr(node.func, "attr", "") == "square"


MODULES = {"torch", "F", "nn", "math", "np", "statistics", "losses", "copy", "metrics"}


def _is_module(node):
    return (
        isinstance(node, ast.Name) and node.id in MODULES or isinstance(node, ast.Attribute) and _is_module(node.value)
    )


def _arguments_of(tree):
    definition = tree.body[0]
    return [a.arg for a in (*definition.args.args, *definition.args.kwonlyargs)]


def _names(tree):
    """Arguments and plain local names of the function, the kind of thing that can stand in another's place."""
    definition, arguments = tree.body[0], _arguments_of(tree)
    assigned = []
    for node in ast.walk(definition):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store) and node.id not in assigned:
            assigned.append(node.id)
    return arguments + assigned[: max(0, 10 - len(arguments))]
