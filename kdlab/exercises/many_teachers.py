"""Exercises of lesson 10, many teachers."""

import functools
import math

import torch
import torch.nn.functional as F

from kdlab.exercises.core import Exercise, OpenExercise, Option, Question, Quiz, ScoredExercise


def _crowd_of(draw, scale=3.0):
    """Logits (teachers, rows, classes); there are as many teachers as a draw has tokens."""
    return scale * torch.randn(draw.tokens, draw.rows, draw.classes)


# 1 --------------------------------------------------------------------------------------------------------------------


def _crowd_opinion(teacher_logits):
    """Logits (K, N, classes) of K teachers -> the logarithm of the mean of their probabilities (N, classes)."""
    log_p = teacher_logits.log_softmax(dim=-1)
    return log_p.logsumexp(dim=0) - math.log(len(teacher_logits))


def _crowd_opinion_plainly(teacher_logits):
    return teacher_logits.softmax(dim=-1).mean(dim=0).log()


crowd_opinion = Exercise(
    place=1,
    title="What the crowd thinks",
    minutes=5,
    difficulty="easy",
    reference=_crowd_opinion,
    forms=(_crowd_opinion_plainly,),
    draw=lambda draw: {"teacher_logits": _crowd_of(draw)},
    hints=(
        "Each teacher has its own softmax. Then the mean over the teachers, dimension 0. Then the logarithm.",
        "A probability of 1e-50 rounds to 0, and its logarithm to minus infinity. Stay in logarithms: `logsumexp` over "
        "the teachers adds probabilities.",
        "`log_p = teacher_logits.log_softmax(-1)`, `log_p.logsumexp(0)` is the log of the sum; the log of the mean is "
        "smaller by `math.log(K)`.",
    ),
    cases={
        "Correct, until all teachers find a class so unlikely that its probability rounds to 0: stay in logarithms, with "
        "`logsumexp`.": lambda draw: {
            "teacher_logits": torch.tensor(
                [[[300.0, 0.0, -100.0], [0.0, 0.0, 1.0]], [[250.0, 10.0, 0.0], [2.0, 1.0, 0.0]]]
            )
        }
    },
    mistakes={
        "That is the mean of the *logits*, made probabilities: a geometric mean. Take the softmax of each teacher first.": (
            lambda v: v.mean(0).log_softmax(-1),
            lambda v: v.log_softmax(-1).mean(0).log_softmax(-1),
            lambda v: v.mean(0),
        ),
        "You have the mean, and it is a distribution already: take its logarithm. A second softmax changes it.": (
            lambda v: v.softmax(-1).mean(0).log_softmax(-1)
        ),
        "You divided the logarithm by K. The mean is taken first: in logarithms a division is a subtraction of `math.log(K)`.": (
            lambda v: v.log_softmax(-1).logsumexp(0) / len(v)
        ),
        "You divided by K - 1. A mean divides by K.": lambda v: (v.softmax(-1).sum(0) / (len(v) - 1)).log(),
        "You divided by ten. There need not be ten teachers: `len(teacher_logits)`.": (
            lambda v: v.log_softmax(-1).logsumexp(0) - math.log(10)
        ),
        "A teacher is missing, the last or the first: does your loop reach all of them?": (
            lambda v: v[:-1].softmax(-1).mean(0).log(),
            lambda v: v[1:].softmax(-1).mean(0).log(),
            lambda v: (v[:-1].softmax(-1).sum(0) / len(v)).log(),
            lambda v: (v[1:].softmax(-1).sum(0) / len(v)).log(),
        ),
        "You averaged the logarithms: that does not even sum to 1. Average the probabilities, then take the logarithm.": (
            lambda v: v.log_softmax(-1).mean(0)
        ),
        "These are probabilities. Their logarithms are asked for.": lambda v: v.softmax(-1).mean(0),
        "You averaged over the classes. The teachers are dimension 0.": lambda v: v.softmax(-1).mean(-1).log(),
        "You took the largest probability that any teacher gives. The mean over the teachers is asked for.": (
            lambda v: v.softmax(-1).amax(0).log()
        ),
        "You took the smallest probability that any teacher gives. The mean over the teachers is asked for.": (
            lambda v: v.softmax(-1).amin(0).log()
        ),
        "You took the median over the teachers. Their mean is asked for.": lambda v: (
            v.softmax(-1).median(0).values.log()
        ),
        "That is the first teacher alone.": lambda v: v[0].log_softmax(-1),
        "You counted votes. Every teacher's *probabilities* count here, not its first choice alone.": (
            lambda v: F.one_hot(v.argmax(-1), v.shape[-1]).float().mean(0).log()
        ),
        "A sigmoid looks at each logit by itself. Ten classes that exclude each other want a softmax.": (
            lambda v: v.sigmoid().mean(0).log()
        ),
        "You multiplied the teachers' probabilities. Their mean is asked for.": lambda v: v.log_softmax(-1).sum(0),
        "You subtracted the logarithm of the number of *pictures*; the mean is over the teachers.": (
            lambda v: v.log_softmax(-1).logsumexp(0) - math.log(v.shape[1])
        ),
        "You averaged over the pictures. The teachers are dimension 0.": lambda v: v.softmax(-1).mean(1).log(),
        "That is the sum over the teachers: as probabilities the rows sum to K. Subtract `math.log(K)`.": (
            lambda v: v.log_softmax(-1).logsumexp(0)
        ),
        "You subtracted the logarithm of the number of *classes*; the mean is over the teachers.": (
            lambda v: v.log_softmax(-1).logsumexp(0) - math.log(v.shape[-1])
        ),
        "You added the *logits* up as if they were log-probabilities: a teacher with large numbers then shouts the others "
        "down. `log_softmax` first.": (
            lambda v: v.logsumexp(0) - math.log(len(v)),
            lambda v: v.logsumexp(0).log_softmax(-1),
        ),
    },
)

# 2 --------------------------------------------------------------------------------------------------------------------


def _two_parts(student_logits, teacher_logits):
    """(KL(mean || student), mean over the teachers of KL(teacher || mean)), each (N,); teacher_logits (K, N, classes)."""
    log_q = student_logits.log_softmax(dim=-1)
    log_p = teacher_logits.log_softmax(dim=-1)
    log_mean = log_p.logsumexp(dim=0) - math.log(len(log_p))
    reachable = (log_mean.exp() * (log_mean - log_q)).sum(dim=-1)
    rest = (log_p.exp() * (log_p - log_mean)).sum(dim=-1).mean(dim=0)
    return reachable, rest


def _two_parts_by_entropies(student_logits, teacher_logits):
    p = teacher_logits.softmax(dim=-1)
    mean = p.mean(dim=0)
    reachable = (mean * (mean.log() - student_logits.log_softmax(dim=-1))).sum(dim=-1)
    rest = (p * p.log()).sum(dim=-1).mean(dim=0) - (mean * mean.log()).sum(dim=-1)
    return reachable, rest


def _kl(log_p, log_q):
    return (log_p.exp() * (log_p - log_q)).sum(-1)


def _parts(first=None, second=None, mean=None):
    """A wrong answer of which one part, or the mean, is another."""
    mean = mean or (lambda log_p: log_p.logsumexp(0) - math.log(len(log_p)))

    def two_parts(student_logits, teacher_logits):
        log_q, log_p = student_logits.log_softmax(-1), teacher_logits.log_softmax(-1)
        log_mean = mean(log_p)
        one = (first or (lambda q, p, m: _kl(m, q)))(log_q, log_p, log_mean)
        two = (second or (lambda q, p, m: _kl(p, m).mean(0)))(log_q, log_p, log_mean)
        return one, two

    return two_parts


two_parts = Exercise(
    place=2,
    title="What no student can help",
    minutes=10,
    difficulty="hard",
    reference=_two_parts,
    forms=(_two_parts_by_entropies,),
    draw=lambda draw: {"student_logits": draw.logits(), "teacher_logits": _crowd_of(draw, 2.0)},
    hints=(
        "Three distributions: each teacher's p, their mean, the student's q. First part: from the mean to the student. "
        "Second part: from each teacher to the mean, and then the mean over the teachers.",
        "You have the logarithm of the mean already: exercise 10.1. KL(a ‖ b) of a row is "
        "`(log_a.exp() * (log_a - log_b)).sum(-1)`.",
        "`rest = (log_p.exp() * (log_p - log_mean)).sum(-1).mean(0)`; log_mean (N, classes) fits under log_p (K, N, classes) "
        "by itself.",
    ),
    mistakes={
        "The first part is KL(student ‖ mean): turn it round. The mean is what should be learned.": (
            _parts(first=lambda q, p, m: _kl(q, m))
        ),
        "The second part is KL(mean ‖ teacher): turn it round. Each teacher's own probabilities weigh its logarithms.": (
            _parts(second=lambda q, p, m: _kl(m, p).mean(0))
        ),
        "Your second part measures the teachers against the *student*. That is the whole, not the rest: measure them "
        "against their mean.": _parts(second=lambda q, p, m: _kl(p, q).mean(0)),
        "Your first part measures the teachers against the student: that is the whole. Measure their *mean* against it.": (
            _parts(first=lambda q, p, m: _kl(p, q).mean(0))
        ),
        "Your mean is that of the logits. Here it is the mean of the probabilities: only for that one do the parts add up.": (
            _parts(mean=lambda p: p.mean(0).log_softmax(-1))
        ),
        "Your second part is the entropy of the mean. Subtract the mean of the teachers' own entropies from it.": (
            _parts(second=lambda q, p, m: -(m.exp() * m).sum(-1))
        ),
        "Your second part is the mean of the teachers' entropies. It says how unsure each is; how far they are from their mean is "
        "asked for.": _parts(second=lambda q, p, m: -(p.exp() * p).sum(-1).mean(0)),
        "Your first part is a cross-entropy: subtract the entropy of the mean, or write the difference of both logarithms.": (
            _parts(first=lambda q, p, m: -(m.exp() * q).sum(-1))
        ),
        "Your first part measures the first teacher against the student. Measure the *mean* of all against it.": (
            _parts(first=lambda q, p, m: _kl(p[0], q))
        ),
        "Your second part is the first teacher's alone. The mean over all teachers is asked for.": (
            _parts(second=lambda q, p, m: _kl(p[0], m))
        ),
        "You have them the wrong way round: first what the student can do something about, then the rest.": (
            lambda z, v: _two_parts(z, v)[::-1]
        ),
        "You averaged over the pictures, too. One number for each picture is asked for.": (
            lambda z, v: tuple(part.mean() for part in _two_parts(z, v))
        ),
        "The second part is a sum over the teachers. Their mean is asked for.": (
            _parts(second=lambda q, p, m: _kl(p, m).sum(0))
        ),
    },
)

# 3 --------------------------------------------------------------------------------------------------------------------


def _area_under_curve(scores, wrong):
    """The share of pairs (a wrong answer, a right one) in which the wrong one has the higher score; a tie counts half."""
    high, low = scores[wrong], scores[~wrong]
    gaps = high[:, None] - low[None, :]
    return ((gaps > 0).float() + 0.5 * (gaps == 0).float()).mean()


def _area_by_ranks(scores, wrong):
    pairs = [(h > low) + 0.5 * (h == low) for h in scores[wrong].tolist() for low in scores[~wrong].tolist()]
    return torch.tensor(pairs).float().mean()


def _in_pairs(scores, wrong):
    high, low = scores[wrong], scores[~wrong]
    count = min(len(high), len(low))
    gaps = high[:count] - low[:count]
    return ((gaps > 0).float() + 0.5 * (gaps == 0).float()).mean()


def _by_places(first):
    """A wrong answer: ranks from `first`, in which of two that tie one stands before the other."""

    def area_under_curve(scores, wrong):
        ranks, count = scores.argsort().argsort().float() + first, wrong.sum()
        return (ranks[wrong].sum() - count * (count + 1) / 2) / (count * (~wrong).sum())

    return area_under_curve


def _by_threshold(scores, wrong):
    order = scores.argsort(descending=True)
    found = wrong[order].float().cumsum(0) / wrong.sum()
    return torch.trapezoid(found, (~wrong[order]).float().cumsum(0) / (~wrong).sum())


def _scores_of(draw):
    """Scores with ties; in some draws they find errors, in others they mislead, so that the area is below 0.5."""
    count, sign = 4 * draw.rows, 1 if draw.temperature > 2.7 else -1
    wrong = torch.rand(count) < 0.35
    wrong[0], wrong[-1] = True, False
    return {"scores": torch.randint(6, (count,)).float() + 2 * sign * wrong, "wrong": wrong}


area_under_curve = Exercise(
    place=3,
    title="Does doubt find errors?",
    minutes=10,
    difficulty="medium",
    reference=_area_under_curve,
    forms=(_area_by_ranks,),
    roles={"scores": "features", "wrong": "mask"},
    draw=_scores_of,
    cases={
        "Correct, until the number of ties is odd: half of a single tie is 0.5. Does a `//` round it down?": (
            lambda draw: {"scores": torch.ones(2), "wrong": torch.tensor([True, False])}
        ),
    },
    hints=(
        "Two groups: `scores[wrong]` and `scores[~wrong]`. Compare everyone of one with everyone of the other.",
        "`high[:, None] - low[None, :]` has a row for each wrong answer and a column for each right one.",
        "`(gaps > 0).float()`, plus half of `(gaps == 0).float()`, and the mean of all that.",
    ),
    mistakes={
        "Ties count half: two pictures with the same score say nothing about which is wrong.": (
            lambda s, w: ((s[w][:, None] - s[~w]) > 0).float().mean()
        ),
        "Ties count half, not whole.": lambda s, w: ((s[w][:, None] - s[~w]) >= 0).float().mean(),
        "You sorted, and of two with the same score one then stands before the other. Ties count half.": (
            _by_places(1),
            _by_threshold,
        ),
        "Ranks begin with 1 in that formula, and ties share their ranks. Comparing all pairs needs neither.": _by_places(
            0
        ),
        "An area below 0.5 is an honest result: the score misleads. Do not turn it round.": (
            lambda s, w: max(_area_under_curve(s, w), 1 - _area_under_curve(s, w))
        ),
        "You compared the wrong answers with *all* pictures, with themselves too. Only right answers are their partners.": (
            lambda s, w: (((s[w][:, None] - s) > 0).float() + 0.5 * ((s[w][:, None] - s) == 0).float()).mean()
        ),
        "It is turned round: count the pairs in which the *wrong* answer has the higher score.": (
            lambda s, w: 1 - _area_under_curve(s, w)
        ),
        "You left ties out altogether. They count half, and they are pairs like all others.": (
            lambda s, w: ((s[w][:, None] - s[~w]) > 0).float().sum() / ((s[w][:, None] - s[~w]) != 0).float().sum()
        ),
        "Twice the area less one is another measure (0 for a coin). Here a coin has 0.5.": (
            lambda s, w: 2 * _area_under_curve(s, w) - 1
        ),
        "You compared the first wrong answer with the first right one, the second with the second. *Every* wrong one is "
        "compared with *every* right one.": _in_pairs,
        "You compared each score with a threshold. No threshold is needed: compare the wrong answers' scores with the right ones'.": (
            lambda s, w: ((s > 0.5) == w).float().mean(),
            lambda s, w: ((s > s.mean()) == w).float().mean(),
            lambda s, w: ((s > s.median()) == w).float().mean(),
        ),
        "You compared the means of both groups. Asked for is the share of *pairs*.": (
            lambda s, w: (s[w].mean() > s[~w].mean()).float(),
            lambda s, w: s[w].mean() - s[~w].mean(),
        ),
        "You compared every picture with every other one. Only pairs of a wrong and a right answer count.": (
            lambda s, w: (((s[:, None] - s) > 0).float() + 0.5 * ((s[:, None] - s) == 0).float()).mean()
        ),
        "That is a count of pairs. Asked for is their share: divide by how many pairs there are.": (
            lambda s, w: (((s[w][:, None] - s[~w]) > 0).float() + 0.5 * ((s[w][:, None] - s[~w]) == 0).float()).sum()
        ),
    },
)

# 4 --------------------------------------------------------------------------------------------------------------------


def _share_of_first(first, second, shift):
    """Put first + shift (N, A) and second (N, B) side by side: the share of pictures whose largest logit is in the first."""
    joined = torch.cat([first + shift, second], dim=-1)
    return (joined.argmax(dim=-1) < first.shape[-1]).float().mean()


def _share_of_first_by_maxima(first, second, shift):
    return (first.max(dim=-1).values + shift >= second.max(dim=-1).values).float().mean()


def _two_of(draw):
    rows = 80 * draw.rows  # few pictures have the same share by whatever decides
    first, second = 3 * torch.randn(rows, draw.classes), 3 * torch.randn(rows, draw.tokens + 1)
    return {"first": first, "second": second, "shift": 4 * draw.temperature - 11}  # of either sign


share_of_first = Exercise(
    place=4,
    title="A constant that nobody chose",
    minutes=5,
    difficulty="easy",
    reference=_share_of_first,
    forms=(_share_of_first_by_maxima,),
    roles={"first": "logits", "second": "logits", "shift": "number"},
    draw=_two_of,
    hints=(
        "Add the number to all of the first's logits, then `torch.cat` both along the classes.",
        "`argmax` gives the place of the largest. Places below `first.shape[-1]` are the first's.",
        "`(joined.argmax(-1) < first.shape[-1]).float().mean()`",
    ),
    mistakes={
        "You added the shift to the second's logits, or took it off the first's. It is added to the first's.": (
            lambda a, b, s: (torch.cat([a, b + s], -1).argmax(-1) < a.shape[-1]).float().mean()
        ),
        "A shift may be negative. You took its size.": lambda a, b, s: _share_of_first(a, b, abs(s)),
        "You have left the shift out.": lambda a, b, s: (torch.cat([a, b], -1).argmax(-1) < a.shape[-1]).float().mean(),
        "That is the share of the second. The first's is asked for.": lambda a, b, s: 1 - _share_of_first(a, b, s),
        "You took a softmax of each before joining: then the shift cannot be seen, and that is the point. Join the logits.": (
            lambda a, b, s: (
                (torch.cat([(a + s).softmax(-1), b.softmax(-1)], -1).argmax(-1) < a.shape[-1]).float().mean()
            ),
            lambda a, b, s: (torch.cat([a.softmax(-1) + s, b.softmax(-1)], -1).argmax(-1) < a.shape[-1]).float().mean(),
        ),
        "You compared the first's number of *pictures*. Its number of classes says which places are its own.": (
            lambda a, b, s: (torch.cat([a + s, b], -1).argmax(-1) < len(a)).float().mean()
        ),
        "You cut the joined row in the middle. The two need not have as many classes as each other: `first.shape[-1]`.": (
            lambda a, b, s: (torch.cat([a + s, b], -1).argmax(-1) < (a.shape[-1] + b.shape[-1]) // 2).float().mean()
        ),
        "You looked for the largest down the columns. Each picture is a row: `argmax(dim=-1)`.": (
            lambda a, b, s: (torch.cat([a + s, b], -1).argmax(0) < a.shape[-1]).float().mean()
        ),
        "You compared sums or means of the logits. The *largest* logit decides.": (
            lambda a, b, s: ((a + s).sum(-1) > b.sum(-1)).float().mean(),
            lambda a, b, s: ((a + s).mean(-1) > b.mean(-1)).float().mean(),
            lambda a, b, s: ((a + s).logsumexp(-1) > b.logsumexp(-1)).float().mean(),
        ),
        "That is the probability that falls to the first. Count the pictures whose *largest* logit is there.": (
            lambda a, b, s: torch.cat([a + s, b], -1).softmax(-1)[:, : a.shape[-1]].sum(-1).mean()
        ),
        "The first need not have five classes: compare with `first.shape[-1]`.": (
            lambda a, b, s: (torch.cat([a + s, b], -1).argmax(-1) < 5).float().mean()
        ),
        "You shifted one class of the first. The constant is added to *all* of its logits.": (
            lambda a, b, s: _share_of_first(torch.cat([a[:, :1] + s, a[:, 1:]], -1), b, 0.0)
        ),
        "That is a count. Asked for is the share.": (
            lambda a, b, s: (torch.cat([a + s, b], -1).argmax(-1) < a.shape[-1]).float().sum()
        ),
        "Places are counted from 0: the first's are *below* `first.shape[-1]`.": (
            lambda a, b, s: (torch.cat([a + s, b], -1).argmax(-1) <= a.shape[-1]).float().mean()
        ),
        "You compared the number of classes of the *second*; the first stands in front.": (
            lambda a, b, s: (torch.cat([a + s, b], -1).argmax(-1) < b.shape[-1]).float().mean()
        ),
        "You joined them in the other order. The first stands in front.": (
            lambda a, b, s: (torch.cat([b, a + s], -1).argmax(-1) < a.shape[-1]).float().mean()
        ),
    },
)

# 5 --------------------------------------------------------------------------------------------------------------------


def _merge_halves(first, second, first_own, second_own):
    """Logits (N, 10) for all digits from those of two specialists (N, 5); *_own: each one's logits on its own digits."""

    def on_one_scale(logits, own):
        loud = (own - own.mean(dim=-1, keepdim=True)).amax(dim=-1).mean()
        return (logits - logits.mean(dim=-1, keepdim=True)) / loud

    return torch.cat([on_one_scale(first, first_own), on_one_scale(second, second_own)], dim=-1)


# (steps, learning rate) of both specialists: as much schooling for both, and far less for the second
_SCHOOLING = (((500, 5e-3), (500, 5e-3)), ((500, 2e-2), (150, 5e-3)))


@functools.cache
def _two_halves(number):
    """(what the merge gets, labels): a fresh pair of specialists, and what they say of the first 4000 test digits."""
    from kdlab.crowds import train_half
    from kdlab.data import load_mnist
    from kdlab.models import to_inputs
    from kdlab.teachers import predict_logits
    from kdlab.training import Recipe

    mnist = load_mnist()
    inputs, labels = to_inputs(mnist.train_images[10_000:50_000]), torch.from_numpy(mnist.train_labels[10_000:50_000])
    test, pair = to_inputs(mnist.test_images[:4000]), []
    for half, (steps, rate) in enumerate(_SCHOOLING[number]):
        recipe = Recipe(steps=steps, batch_size=64, learning_rate=rate)
        pair.append(train_half(inputs, labels, 5 * half, recipe=recipe, seed=50 + half))
    own = [predict_logits(model, inputs[labels // 5 == half][:2000]) for half, model in enumerate(pair)]
    return (*(predict_logits(model, test) for model in pair), *own), torch.from_numpy(mnist.test_labels[:4000])


def _score_of_merge(ask):
    """Right answers in %, the mean of two pairs of specialists that the learner has not seen."""
    few = torch.randn(4, 5, generator=torch.Generator().manual_seed(0))
    ask(few, few.flip(0), few, few.flip(1)).is_tensor((4, 10))
    scores = []
    for number in range(len(_SCHOOLING)):
        given, labels = _two_halves(number)
        answer = ask(*given).is_tensor((len(labels), 10))
        joined = answer.value.detach()
        answer.holds(not joined.isnan().any(), "There are NaN among your logits: did you divide by zero?")
        scores.append((joined.argmax(-1) == labels).float().mean().item())
    return 100 * sum(scores) / len(scores)


merge_halves = ScoredExercise(
    place=5,
    title="A better seam",
    minutes=15,
    difficulty="hard",
    reference=_merge_halves,
    hints=(
        "A constant added to all of a specialist's logits changes nothing *in* it. Take such constants out before you compare.",
        "After that, one of them may still be louder than the other. How large is its largest logit on pictures of its own "
        "kind? That is what `first_own` and `second_own` are for.",
        "Subtract each row's mean; divide by the mean, over the own pictures, of the largest centred logit.",
    ),
    score=_score_of_merge,
    lesson_score=86.5,
    enough=85.8,
    unit="% right",
)

# 6 --------------------------------------------------------------------------------------------------------------------


def _two_task_loss(student_logits, digit_logits, turn_logits, temperature):
    """T² KL(teacher_T || student_T) on the student's first columns for the digit, plus the same on the rest for the turn."""
    cut = digit_logits.shape[-1]
    pairs = ((student_logits[:, :cut], digit_logits), (student_logits[:, cut:], turn_logits))
    losses = []
    for student, teacher in pairs:
        log_q = (student / temperature).log_softmax(dim=-1)
        log_p = (teacher.detach() / temperature).log_softmax(dim=-1)
        losses.append((log_p.exp() * (log_p - log_q)).sum(dim=-1).mean())
    return temperature**2 * sum(losses)


def _two_task_loss_by_kl_div(student_logits, digit_logits, turn_logits, temperature):
    digit, turn = student_logits.split([digit_logits.shape[-1], turn_logits.shape[-1]], dim=-1)
    first = F.kl_div(
        (digit / temperature).log_softmax(-1),
        (digit_logits.detach() / temperature).log_softmax(-1),
        log_target=True,
        reduction="batchmean",
    )
    second = F.kl_div(
        (turn / temperature).log_softmax(-1),
        (turn_logits.detach() / temperature).log_softmax(-1),
        log_target=True,
        reduction="batchmean",
    )
    return temperature**2 * (first + second)


def _other_tasks(part=None, cut=None, join=lambda a, b: a + b):
    """A wrong answer: `part(student, teacher, T)` is the loss of a task, `cut(digit, turn)` where the student is cut."""
    part = part or (lambda z, v, t: t**2 * _kl((v / t).log_softmax(-1), (z / t).log_softmax(-1)).mean())

    def two_task_loss(student_logits, digit_logits, turn_logits, temperature):
        at = cut(digit_logits, turn_logits) if cut else digit_logits.shape[-1]
        digit = part(student_logits[:, :at], digit_logits.detach(), temperature)
        return join(digit, part(student_logits[:, at:], turn_logits.detach(), temperature))

    return two_task_loss


def _joined_teachers(z, a, b, t):
    return t**2 * _kl((torch.cat([a, b], -1).detach() / t).log_softmax(-1), (z / t).log_softmax(-1)).mean()


def _one_softmax(z, a, b, t):
    log_q, cut = (z / t).log_softmax(-1), a.shape[-1]
    log_p = [(v.detach() / t).log_softmax(-1) for v in (a, b)]
    return t**2 * (_kl(log_p[0], log_q[:, :cut]).mean() + _kl(log_p[1], log_q[:, cut:]).mean())


two_task_loss = Exercise(
    place=6,
    title="Two teachers, two heads",
    minutes=10,
    difficulty="medium",
    reference=_two_task_loss,
    forms=(_two_task_loss_by_kl_div,),
    roles={"digit_logits": "teacher", "turn_logits": "teacher"},
    draw=lambda draw: {
        "student_logits": draw.logits(draw.rows, draw.classes + draw.tokens),
        "digit_logits": draw.logits(scale=3.0),
        "turn_logits": draw.logits(draw.rows, draw.tokens, scale=3.0),
        "temperature": draw.temperature,
    },
    gradient=("student_logits",),
    hints=(
        "Cut the student's logits in two: as many columns as the digit's teacher has, then the rest.",
        "Each part is the loss you know from lesson 03, without labels: T² · KL(teacher ‖ student), mean over the rows.",
        "Write the loss of one task as a function of (student, teacher), and add its two values.",
    ),
    mistakes={
        "One softmax runs over all the student's logits: digits and turns then compete. Each task has a softmax of its own: "
        "cut first.": (_one_softmax, _joined_teachers),
        "You multiplied by the temperature inside the softmax. Divide by it.": (
            _other_tasks(lambda z, v, t: t**2 * _kl((v * t).log_softmax(-1), (z * t).log_softmax(-1)).mean())
        ),
        "The student's columns are taken in the wrong order: the digit's stand first.": (
            lambda z, a, b, t: _two_task_loss(torch.cat([z[:, b.shape[-1] :], z[:, : b.shape[-1]]], -1), a, b, t)
        ),
        "Your KL is divided by the number of classes too: `reduction='mean'` does so, 'batchmean' divides by the rows alone.": (
            _other_tasks(
                lambda z, v, t: t**2 * _kl((v / t).log_softmax(-1), (z / t).log_softmax(-1)).mean() / z.shape[-1]
            )
        ),
        "That is the cross-entropy with the teacher. KL is that less the teacher's own entropy.": (
            _other_tasks(lambda z, v, t: t**2 * F.cross_entropy(z / t, (v / t).softmax(-1)))
        ),
        "You averaged both tasks. Their sum is asked for.": _other_tasks(join=lambda a, b: (a + b) / 2),
        "The turn is missing: only the digit counts in your loss.": _other_tasks(join=lambda a, b: a + 0 * b),
        "The digit is missing: only the turn counts in your loss.": _other_tasks(join=lambda a, b: 0 * a + b),
        "KL is turned round in both tasks: the teacher's probabilities weigh the logarithms.": (
            _other_tasks(lambda z, v, t: t**2 * _kl((z / t).log_softmax(-1), (v / t).log_softmax(-1)).mean())
        ),
    },
)

# 7 --------------------------------------------------------------------------------------------------------------------

design_a_control = OpenExercise(
    place=7,
    title="Where does it sit?",
    minutes=10,
    difficulty="medium",
    hints=(
        "What could carry the digits? The noise, the three outputs, the teacher's training, the initial weights the two share. "
        "Change one, keep the others.",
        "If the noise or the outputs carried them, any student that saw the same would learn them, wherever it started.",
        "And a teacher that has learned something else, from the same start, with the same steps?",
    ),
    good_answer="""A good answer names a carrier, removes it and nothing else, and says before the run what would count.

1. **Another start.** The same noise, the same three targets, the same batches and steps, other initial weights. If digits
   appear all the same, they were in the *data*. If not, the shared start is needed.
2. **A teacher without digits.** The same start, but the teacher learned the same pictures with labels in random order. It has
   moved as far from the start. If its student reads digits, then moving the weights is enough and no knowledge was handed on.
3. **By degrees.** A start that is the teacher's to nine tenths, or to a half, tells whether it must be *exactly* the same.
4. **The student before training**, on the same test pictures: an untrained network is not always at 10 %.

The learning rate of every arm is chosen by itself, or a control that learned nothing may only have been too slow. Check too that it *did*
learn its three outputs. Controls that do not answer: fewer noise pictures, a longer run (not another cause), a larger student
(changes the start as well).""",
)

# quiz -----------------------------------------------------------------------------------------------------------------

quiz = Quiz(
    Question(
        "Ten teachers learn from the *same* hundred labels, with ten different starts. What does their crowd gain, compared with "
        "ten teachers of a hundred labels each of their own?",
        (
            Option(
                "As much: ten heads are ten heads.", "They all make the mistakes that these hundred labels suggest."
            ),
            Option(
                "Far less: most of the gain comes from the nine hundred other labels.",
                "Right: in our runs about one point, against ten.",
                True,
            ),
            Option("Nothing at all.", "A little: different starts make some different errors, which cancel."),
        ),
    ),
    Question(
        "A student minimises the mean, over the teachers, of KL(teacher ‖ student). What does it become, if it can?",
        (
            Option(
                "The mean of their probabilities.",
                "Right: what is left is their disagreement, and no student can help it.",
                True,
            ),
            Option("The softmax of their mean logits.", "That one minimises the mean of KL(student ‖ teacher)."),
            Option("Whichever teacher is surest.", "Every teacher counts alike in a mean."),
        ),
    ),
    Question(
        "The disagreement of ten teachers of digits is large for a picture. What do you know?",
        (
            Option("It is no digit.", "It may be a badly written one. And strangers may leave them in agreement."),
            Option(
                "They are less likely to be right about it than about others.",
                "Right: that is what the area under the curve says. What kind of picture it is remains open.",
                True,
            ),
            Option(
                "The crowd's answer is wrong.", "Often it is right: the mean of ten who disagree is better than each."
            ),
        ),
    ),
    Question(
        "Two specialists for five classes each are put side by side. Why may the joined answer be poor, though each is excellent?",
        (
            Option(
                "Nothing in their training says how their logits compare with the other's.",
                "Right: softmax does not see a constant added to all five, and nothing fixes the scale.",
                True,
            ),
            Option(
                "Five logits and five logits are too many for one softmax.",
                "Ten logits are what every student here has.",
            ),
            Option("They have forgotten the other classes.", "They have never seen them."),
        ),
    ),
    Question(
        "A vendor's small model was trained on your model's outputs about harmless pictures only. Could it carry what your model "
        "knows about others?",
        (
            Option(
                "No: what is not in the data cannot be learned.", "With the same initial weights, noise was enough."
            ),
            Option(
                "Always: outputs carry everything.", "From another start nothing of the digits arrived in our runs."
            ),
            Option(
                "It may, above all if it started from the same weights, as fine-tuned copies do.",
                "Right: harmless data are no proof of a harmless student.",
                True,
            ),
        ),
    ),
)
