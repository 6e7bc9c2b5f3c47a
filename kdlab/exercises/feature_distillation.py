"""Exercises of lesson 08, feature distillation."""

import torch
import torch.nn.functional as F

from kdlab.exercises.core import Exercise, OpenExercise, Option, Question, Quiz, former_names


def _two_maps(draw):
    """Student maps (N, C, h, w) and teacher maps with other channels of the same places."""
    places = (draw.rows, draw.tokens, draw.tokens + 1)
    return {
        "student_maps": torch.randn(places[0], draw.classes, *places[1:]),
        "teacher_maps": torch.randn(places[0], draw.width, *places[1:]),
    }


# 1 --------------------------------------------------------------------------------------------------------------------


def _attention_map(maps):
    """(N, C, height, width) -> (N, height, width): the mean over the channels of the squares."""
    return maps.square().mean(dim=1)


attention_map = Exercise(
    place=1,
    title="Where does it look?",
    minutes=5,
    difficulty="easy",
    reference=_attention_map,
    roles={"maps": "features"},
    draw=lambda draw: {"maps": torch.randn(draw.rows, draw.classes, draw.tokens, draw.width)},
    gradient=("maps",),
    hints=(
        "A place counts if something happens there, whatever the sign and in whichever channel.",
        "Square every number. Which of the four dimensions are the channels?",
        "`maps.square()`, and then `.mean(dim=1)`.",
    ),
    mistakes={
        "You averaged over the pictures. The channels are dimension 1.": lambda maps: maps.square().mean(0),
        "You averaged over everything at once. Only the channels, dimension 1, are to go.": lambda maps: (
            maps.square().mean()
        ),
        "You averaged over the places, so nothing is left of where it looks. The channels are dimension 1.": (
            lambda maps: maps.square().mean((2, 3)),
            lambda maps: maps.square().mean((1, 2, 3)),
        ),
        "You took the mean before squaring: positive and negative channels cancel. Square first.": (
            lambda maps: maps.mean(1).square()
        ),
        "You summed over the channels. The mean over them is asked for.": lambda maps: maps.square().sum(1),
        "That is the length of each place's vector of channels: the square root of a sum. Asked for is the mean of the "
        "squares.": lambda maps: maps.norm(dim=1),
        "You took a softmax at the end. Here the plain mean of squares is asked for.": (
            lambda maps: maps.square().mean(1).softmax(-1),
            lambda maps: maps.square().mean(1).flatten(1).softmax(1).view(maps[:, 0].shape),
        ),
        "You took the absolute values. Here squares are asked for, which count strong activations more.": (
            lambda maps: maps.abs().mean(1)
        ),
        "You took the largest channel. The mean over all of them is asked for.": (
            lambda maps: maps.square().amax(1),
            lambda maps: maps.amax(1),
        ),
        "You took the variance over the channels, which takes their mean away first. Plain squares are asked for.": (
            lambda maps: maps.var(1),
            lambda maps: maps.var(1, unbiased=False),
            lambda maps: maps.std(1),
        ),
        "You set negative activations to 0 first. Whatever the sign, a place counts: square them all.": (
            lambda maps: F.relu(maps).square().mean(1),
            lambda maps: F.relu(maps).mean(1),
        ),
        "You have not squared: positive and negative activations cancel.": lambda maps: maps.mean(1),
        "One dimension of size 1 is left over: leave `keepdim` out.": lambda maps: maps.square().mean(1, keepdim=True),
        "You divided by the picture's largest value, or by its sum. The plain mean of squares is asked for.": (
            lambda maps: maps.square().mean(1) / maps.square().mean(1).amax((1, 2), keepdim=True),
            lambda maps: maps.square().mean(1) / maps.square().mean(1).sum((1, 2), keepdim=True),
        ),
        "You made unit vectors of them already. That comes in the next exercise; here the plain mean is asked for.": (
            lambda maps: F.normalize(maps.square().mean(1).flatten(1), dim=1).view(maps[:, 0].shape)
        ),
    },
)

# 2 --------------------------------------------------------------------------------------------------------------------


def _attention_transfer_loss(student_maps, teacher_maps):
    """Mean over pictures and places of the squared difference of both attentions, each a unit vector over the places."""
    student = F.normalize(student_maps.square().mean(dim=1).flatten(1), dim=1)
    teacher = F.normalize(teacher_maps.detach().square().mean(dim=1).flatten(1), dim=1)
    return (student - teacher).square().mean()


def _attention_transfer_by_hand(student_maps, teacher_maps):
    student = student_maps.pow(2).mean(1)
    teacher = teacher_maps.detach().pow(2).mean(1)
    student = student / student.square().sum(dim=(1, 2), keepdim=True).sqrt()
    teacher = teacher / teacher.square().sum(dim=(1, 2), keepdim=True).sqrt()
    return ((student - teacher) ** 2).mean()


def _other_attention(unit=lambda a: F.normalize(a.flatten(1), dim=1), distance=lambda s, t: (s - t).square().mean()):
    def attention_transfer_loss(student_maps, teacher_maps):
        student, teacher = student_maps.square().mean(1), teacher_maps.detach().square().mean(1)
        return distance(unit(student), unit(teacher))

    return attention_transfer_loss


def _attention_of_absolutes(student_maps, teacher_maps):
    student, teacher = (F.normalize(maps.abs().mean(1).flatten(1)) for maps in (student_maps, teacher_maps))
    return (student - teacher).square().mean()


attention_transfer_loss = Exercise(
    place=2,
    title="Look where the teacher looks",
    minutes=10,
    difficulty="medium",
    reference=_attention_transfer_loss,
    forms=(_attention_transfer_by_hand,),
    roles={"student_maps": "student features", "teacher_maps": "teacher features"},
    draw=_two_maps,
    gradient=("student_maps",),
    hints=(
        "Three steps: the attention of exercise 8.1, a unit vector for each picture, the mean squared difference.",
        "Flatten height and width to one dimension, then divide each row by its L2 norm: `F.normalize(..., dim=1)`.",
        "`F.normalize(maps.square().mean(1).flatten(1), dim=1)` for both, the teacher's detached, and "
        "`(student - teacher).square().mean()`.",
    ),
    mistakes={
        "Neither attention is a unit vector: a teacher with larger activations would ask for larger ones, not for other "
        "places.": _other_attention(unit=lambda a: a),
        "You divided by the sum. The unit vectors here have an L2 norm of 1: the squares sum to 1.": (
            _other_attention(unit=lambda a: a / a.sum((1, 2), keepdim=True))
        ),
        "You divided by the mean, or by the largest value. The unit vectors here have an L2 norm of 1: divide by the root of "
        "the sum of squares.": (
            _other_attention(unit=lambda a: a / a.mean((1, 2), keepdim=True)),
            _other_attention(unit=lambda a: a / a.amax((1, 2), keepdim=True)),
        ),
        "That is the difference of the squares, and both sum to 1 already. Take the difference first, then square it.": (
            _other_attention(distance=lambda s, t: (s.square() - t.square()).mean()),
            _other_attention(distance=lambda s, t: (s.square() - t.square()).sum(1).mean()),
        ),
        "You took a KL divergence. Unit vectors are no probabilities; the mean squared difference is asked for.": (
            _other_attention(distance=lambda s, t: F.kl_div(s.log(), t, reduction="batchmean")),
            _other_attention(
                unit=lambda a: a.flatten(1).log_softmax(1),
                distance=lambda s, t: F.kl_div(s, t, reduction="batchmean", log_target=True),
            ),
        ),
        "You took a softmax over the places. Divide by the L2 norm instead.": (
            _other_attention(unit=lambda a: a.flatten(1).softmax(1))
        ),
        "One norm for the whole batch: a picture's share then depends on its neighbours. Each picture has its own.": (
            _other_attention(unit=lambda a: a / a.norm())
        ),
        "Each place got a norm over the batch. A picture has its own: dim=1, after flattening.": (
            _other_attention(unit=lambda a: F.normalize(a.flatten(1), dim=0))
        ),
        "You averaged the activations themselves: positive and negative ones cancel. Square them first.": (
            lambda s, t: _other_attention()(s.mean(1, keepdim=True).abs().sqrt(), t.mean(1, keepdim=True).abs().sqrt()),
            lambda s, t: (
                (F.normalize(s.mean(1).flatten(1)) - F.normalize(t.detach().mean(1).flatten(1))).square().mean()
            ),
        ),
        "You took absolute values where squares are asked for.": (lambda s, t: _attention_of_absolutes(s, t.detach())),
        "You normalised each row of the picture by itself. Flatten height and width first: one vector for each picture.": (
            _other_attention(unit=lambda a: F.normalize(a, dim=1)),
            _other_attention(unit=lambda a: F.normalize(a, dim=2)),
        ),
        "You summed over the places. The mean over them is asked for, as in the authors' code; it is smaller by height "
        "times width.": _other_attention(distance=lambda s, t: (s - t).square().sum(1).mean()),
        "That is the norm of the difference, as in the paper's formula. Their code, and this exercise, take the mean of "
        "squares.": (
            _other_attention(distance=lambda s, t: (s - t).norm(dim=1).mean()),
            _other_attention(distance=lambda s, t: (s - t).norm(dim=1).sum()),
        ),
    },
)

# 3 --------------------------------------------------------------------------------------------------------------------


def _hint(draw):
    student, teacher = _two_maps(draw).values()
    projection = torch.randn(draw.classes, draw.width)
    return {"student_features": student, "teacher_features": teacher, "projection": projection}


def _hint_loss(student_features, teacher_features, projection):
    """Mean squared difference of the projected student maps and the teacher's; projection (C_student, C_teacher)."""
    projected = torch.einsum("ncij,ct->ntij", student_features, projection)
    return (projected - teacher_features.detach()).square().mean()


def _hint_loss_by_convolution(student_features, teacher_features, projection):
    projected = F.conv2d(student_features, projection.T[:, :, None, None])
    return F.mse_loss(projected, teacher_features.detach())


def _hint_loss_by_product(student_features, teacher_features, projection):
    projected = student_features.movedim(1, -1) @ projection
    return ((projected - teacher_features.detach().movedim(1, -1)) ** 2).mean()


def _reshaped(maps):
    """Another size, but the numbers in their old order: no channels in the last dimension."""
    return maps.reshape(len(maps), *maps.shape[2:], maps.shape[1])


def _other_hint(distance):
    def hint_loss(student_features, teacher_features, projection):
        return distance(student_features.movedim(1, -1) @ projection, teacher_features.detach().movedim(1, -1))

    return hint_loss


hint_loss = Exercise(
    place=3,
    title="A hint and its projection",
    minutes=10,
    difficulty="medium",
    reference=_hint_loss,
    forms=(_hint_loss_by_convolution, _hint_loss_by_product),
    roles={"projection": "weight matrix"},
    draw=_hint,
    gradient=("student_features", "projection"),
    hints=(
        "At each place stands a vector of C_student numbers; the projection makes C_teacher of it, everywhere the same.",
        "`@` works on the last dimension: `student_features.movedim(1, -1)` puts the channels there. Or let einsum do it.",
        '`torch.einsum("ncij,ct->ntij", student_features, projection)`, then the mean squared difference with the detached '
        "teacher.",
    ),
    mistakes={
        "`reshape` and `view` give the numbers another shape and leave them in their order: channels and places get mixed. "
        "`movedim(1, -1)`, or `permute(0, 2, 3, 1)`, takes the channels to the end.": (
            lambda s, t, p: (_reshaped(s) @ p - _reshaped(t.detach())).square().mean(),
            lambda s, t, p: (_reshaped(s) @ p - t.detach().movedim(1, -1)).square().mean(),
            lambda s, t, p: ((_reshaped(s) @ p).movedim(-1, 1) - t.detach()).square().mean(),
            lambda s, t, p: ((_reshaped(s) @ p).reshape(t.shape) - t.detach()).square().mean(),
        ),
        "You halved it, as FitNets do. Here the plain mean of squares is asked for.": (
            _other_hint(lambda a, b: (a - b).square().mean() / 2)
        ),
        "You averaged over the places first, so nothing is left of where things are.": (
            lambda s, t, p: (s.mean((2, 3)) @ p - t.detach().mean((2, 3))).square().mean()
        ),
        "There is a ReLU behind your projection. It is a plain matrix product.": (
            _other_hint(lambda a, b: (F.relu(a) - b).square().mean())
        ),
        "You summed over the channels. The mean over everything is asked for.": (
            _other_hint(lambda a, b: (a - b).square().sum(-1).mean())
        ),
        "You averaged over the pictures alone, and summed the rest. The mean over everything is asked for.": (
            _other_hint(lambda a, b: (a - b).square().sum() / len(a))
        ),
        "That is the mean length of the differences. The mean of their squares is asked for, with no root.": (
            _other_hint(lambda a, b: (a - b).norm(dim=-1).mean()),
            lambda s, t, p: (s.movedim(1, -1) @ p - t.detach().movedim(1, -1)).flatten(1).norm(dim=1).mean(),
        ),
        "You projected the teacher down to the student's channels. The student's maps are what the projection is for.": (
            lambda s, t, p: (s.movedim(1, -1) - t.detach().movedim(1, -1) @ p.T).square().mean()
        ),
        "You normalised the maps. A hint is number by number: sizes count.": (
            _other_hint(lambda a, b: (F.normalize(a, dim=-1) - F.normalize(b, dim=-1)).square().mean()),
            lambda s, t, p: (
                (F.normalize(s, dim=1).movedim(1, -1) @ p - F.normalize(t.detach(), dim=1).movedim(1, -1))
                .square()
                .mean()
            ),
        ),
        "You took a softmax over the channels. Maps are no logits: compare the numbers themselves.": (
            _other_hint(lambda a, b: (a.softmax(-1) - b.softmax(-1)).square().mean())
        ),
        "There is a ReLU on both sides. The maps are compared as they are.": (
            _other_hint(lambda a, b: (F.relu(a) - F.relu(b)).square().mean())
        ),
        "You compared the attention, the mean of squares over the channels. A hint compares every channel.": (
            _other_hint(lambda a, b: (a.square().mean(-1) - b.square().mean(-1)).square().mean())
        ),
        "That is the Huber loss, which spares large differences. Plain squares are asked for.": (
            _other_hint(F.smooth_l1_loss),
            _other_hint(F.huber_loss),
        ),
    },
    wrong={
        "a constant projection": (lambda s, t, p: _hint_loss(s, t, p.detach()), "no gradient reaches `projection`"),
        "a constant student": (lambda s, t, p: _hint_loss(s.detach(), t, p), "no gradient reaches `student_features`"),
        "a teacher that learns": (
            lambda s, t, p: (torch.einsum("ncij,ct->ntij", s, p) - t).square().mean(),
            "flows into `teacher_features`",
        ),
    },
)

# 4 --------------------------------------------------------------------------------------------------------------------

design_a_control = OpenExercise(
    place=4,
    title="A control of your own",
    minutes=10,
    difficulty="medium",
    hints=(
        "The claim has two halves: *the hint* helped, and it helped because of what *this* teacher knows about *this* "
        "picture. Which half do you doubt?",
        "Keep everything of the recipe: student, start, batches, steps, projection, size of the loss. Change one property of "
        "the target, the one that the claim needs.",
        "What result would make you give up the claim? If no result would, it is no control.",
    ),
    good_answer="""A good answer has four parts.

1. **The doubt**, in one sentence. For example: *"Any extra task for the last layer keeps 3000 pictures from being learned
   by heart. It need not know where the digit is."*
2. **What is changed, and what stays.** For that doubt: hints of the same teacher that belong to *other* pictures
   (permuted). Size, spread and sparseness of the targets are the same, and so are the projection and its learning; only
   the connection with the picture is gone. Hints of an untrained teacher test another doubt: that any fixed function of the
   picture will do. A map of the true box as attention would ask a third one: is it only about *where*?
   The strongest rivals need no hint at all: pictures that are moved at every step, with labels or with the teacher's logits,
   given the time that they need.
3. **The same care.** The control gets a weight and a learning rate of its own, chosen on validation data by as many tries;
   otherwise a bad weight looks like a bad idea. And the same seeds.
4. **What would count against the claim**, said before the run: "if permuted hints are within the paired interval of real
   ones, the gain is regularisation".

Controls that do not answer: a smaller weight (is not another cause), another student (changes everything), a run without
the teacher (that is the comparison, not the control).""",
)

# 5 --------------------------------------------------------------------------------------------------------------------


def _even_or_odd(logits):
    """Logits of ten digits (N, 10) -> log-probabilities of "even" and of "odd" (N, 2)."""
    log_p = logits.log_softmax(dim=-1)
    return torch.stack([log_p[:, 0::2].logsumexp(dim=-1), log_p[:, 1::2].logsumexp(dim=-1)], dim=-1)


def _even_or_odd_unnormalised(logits):
    two = torch.stack([logits[:, 0::2].logsumexp(dim=-1), logits[:, 1::2].logsumexp(dim=-1)], dim=-1)
    return two.log_softmax(dim=-1)


def _other_fold(inside=lambda z: z.log_softmax(-1), fold=lambda a: a.logsumexp(-1), outside=lambda a: a):
    return lambda z: outside(torch.stack([fold(inside(z)[:, 0::2]), fold(inside(z)[:, 1::2])], dim=-1))


even_or_odd = Exercise(
    place=5,
    title="Ten answers folded into two",
    minutes=10,
    difficulty="medium",
    reference=_even_or_odd,
    forms=(_even_or_odd_unnormalised,),
    draw=lambda draw: {"logits": draw.logits(draw.rows, 10, scale=3.0)},
    hints=(
        "Probabilities of things that exclude each other are added. Logits are not.",
        "Even digits stand in the columns `0::2`. The sum of probabilities, in logarithms, is a `logsumexp`.",
        "`log_p = logits.log_softmax(-1)`, then `logsumexp` over `log_p[:, 0::2]` and over `log_p[:, 1::2]`, stacked.",
    ),
    cases={
        "Correct, until a digit's probability rounds to 0. Stay in logarithms all the way: logsumexp.": (
            lambda draw: {"logits": torch.tensor([[400.0] + 9 * [0.0], [-300.0, 300.0] + 8 * [-300.0]])}
        ),
    },
    mistakes={
        "You took a softmax of the even digits and one of the odd: each half then has the whole. One over all ten.": (
            _other_fold(inside=lambda z: z, fold=lambda a: a.log_softmax(-1).logsumexp(-1))
        ),
        "You averaged the five probabilities. Add them.": (
            _other_fold(inside=lambda z: z.softmax(-1), fold=lambda a: a.mean(-1), outside=torch.log)
        ),
        "Even and odd are exchanged: column 0 is even.": lambda z: _even_or_odd(z).flip(-1),
        "You added logarithms, which multiplies probabilities. Add the probabilities: `logsumexp`.": (
            _other_fold(fold=lambda a: a.sum(-1)),
            _other_fold(inside=lambda z: z, fold=lambda a: a.sum(-1), outside=lambda a: a.log_softmax(-1)),
        ),
        "You averaged logits. Add the probabilities instead: `logsumexp`.": (
            _other_fold(fold=lambda a: a.mean(-1)),
            _other_fold(inside=lambda z: z, fold=lambda a: a.mean(-1), outside=lambda a: a.log_softmax(-1)),
        ),
        "You took the likeliest digit of each kind. The others count too: add all five probabilities.": (
            _other_fold(fold=lambda a: a.amax(-1)),
            _other_fold(inside=lambda z: z, fold=lambda a: a.amax(-1), outside=lambda a: a.log_softmax(-1)),
        ),
        "These are probabilities; their logarithms are asked for.": (
            _other_fold(inside=lambda z: z.softmax(-1), fold=lambda a: a.sum(-1))
        ),
        "These two do not sum to 1 as probabilities: a log_softmax is missing.": _other_fold(inside=lambda z: z),
        "You split into the first five digits and the last five. Even digits are every second column: `0::2`.": (
            lambda z: torch.stack([z.log_softmax(-1)[:, :5].logsumexp(-1), z.log_softmax(-1)[:, 5:].logsumexp(-1)], -1)
        ),
    },
)

# 6 --------------------------------------------------------------------------------------------------------------------


def _weight_of_the_rest(teacher_logits, labels):
    """The number of each row by which KL multiplies the divergence among all else: (N,)."""
    return 1 - teacher_logits.softmax(dim=-1).gather(-1, labels[:, None]).squeeze(-1)


def _weight_by_sum(teacher_logits, labels):
    others = ~F.one_hot(labels, teacher_logits.shape[-1]).bool()
    return (teacher_logits.softmax(dim=-1) * others).sum(dim=-1)


def _label_share(v, y):
    return v.softmax(-1).gather(-1, y[:, None]).squeeze(-1)


weight_of_the_rest = Exercise(
    place=6,
    title="What the rest counts",
    minutes=5,
    difficulty="medium",
    reference=_weight_of_the_rest,
    forms=(_weight_by_sum, lambda v, y: 1 - v.softmax(-1)[torch.arange(len(y)), y]),
    hints=(
        "In the KL every class counts by its own probability p. What do all but the label count together?",
        "Write p of another class as (its share among all else) times (what all else has together). Which factor can be "
        "taken out of the sum?",
        "It is what the teacher does not give to the label: softmax, `gather` the label's probability, and take it from 1.",
    ),
    mistakes={
        "That is the teacher's probability of the label: what the *other* classes do not have. Take it from 1.": (
            _label_share
        ),
        "You took the teacher's largest probability. The label's counts, whatever the teacher thinks of it.": (
            lambda v, y: 1 - v.softmax(-1).amax(-1),
            lambda v, y: v.softmax(-1).amax(-1),
        ),
        "That is a sigmoid of one logit. The label's probability depends on all of them: softmax.": (
            lambda v, y: 1 - v.sigmoid().gather(-1, y[:, None]).squeeze(-1),
            lambda v, y: v.sigmoid().gather(-1, y[:, None]).squeeze(-1),
        ),
        "The mean over the other classes: their probabilities are added here.": (
            lambda v, y: (1 - _label_share(v, y)) / (v.shape[-1] - 1)
        ),
        "These are logarithms; the number itself is asked for.": (
            lambda v, y: (1 - _label_share(v, y)).log(),
            lambda v, y: v.log_softmax(-1).gather(-1, y[:, None]).squeeze(-1),
            lambda v, y: -v.log_softmax(-1).gather(-1, y[:, None]).squeeze(-1),
            lambda v, y: 1 - v.log_softmax(-1).gather(-1, y[:, None]).squeeze(-1),
        ),
        "One divided by the label's probability, or the odds against it, is not what is left over. Take the probability from "
        "1.": (
            lambda v, y: 1 / _label_share(v, y),
            lambda v, y: (1 - _label_share(v, y)) / _label_share(v, y),
        ),
        "One number for each row is asked for: you averaged over the rows.": (
            lambda v, y: (1 - _label_share(v, y)).mean(),
            lambda v, y: (1 - _label_share(v, y)).mean().expand(len(y)),
        ),
        "One dimension of size 1 is left over: `.squeeze(-1)`.": lambda v, y: 1 - v.softmax(-1).gather(-1, y[:, None]),
    },
)

# quiz -----------------------------------------------------------------------------------------------------------------

quiz = Quiz(
    Question(
        "A student of 8 channels shall take hints from a teacher of 32. What becomes of the projection after training?",
        (
            Option(
                "It is thrown away.",
                "Right: it only makes the comparison possible. The student is as small as it was.",
                True,
            ),
            Option(
                "It becomes the student's new last layer.",
                "The head reads the student's own maps; nothing reads these.",
            ),
            Option("It is kept, so that the student has 32 channels.", "Then the student would not be small."),
        ),
    ),
    Question(
        "You double all activations of the teacher. Which loss changes?",
        (
            Option("The attention transfer loss.", "Its maps are unit vectors: a factor cancels."),
            Option("The hint loss.", "Right: it compares the numbers themselves. That is why hints were scaled.", True),
            Option("Both.", "One of them divides by the length of the map."),
        ),
    ),
    Question(
        "A student that takes a hint as its only loss answers at chance. Why?",
        (
            Option("The weight of the hint is too large.", "Alone, a loss has no weight to speak of."),
            Option(
                "Nothing teaches its head: the hint ends at the last maps.",
                "Right: give it labels or logits too, or train the head afterwards.",
                True,
            ),
            Option(
                "The projection took over all the learning.",
                "That may happen, but a head without a gradient is enough.",
            ),
        ),
    ),
    Question(
        "A student that knows the digits 0 to 4 is frozen; a new head on it reads 5 to 9 with 78 %. Ten labels a class, guessing "
        "is 20 %. Does its knowledge transfer?",
        (
            Option("Yes: 58 points above guessing.", "The head has labels; it may owe the student nothing."),
            Option(
                "Yes, if an untrained student gives less.", "An untrained student throws pixels away. What gives more?"
            ),
            Option(
                "Not known, until the same head has read the pixels themselves.",
                "Right: in the lesson they gave 78 %, too.",
                True,
            ),
        ),
    ),
    Question(
        "A student took features and beats the one with labels, and an untrained teacher's features do nothing. In the same "
        "table a student with the teacher's ten logits is as good. What do you ship?",
        (
            Option("The student of features: they say more.", "They may. Here it did not show."),
            Option(
                "The student of logits: as good, and without layers to choose, a projection and a weight.",
                "Right: features are for when the answer says too little.",
                True,
            ),
            Option("Both together: more signals are better.", "Measure it; it is one more weight to choose."),
        ),
    ),
)


__getattr__ = former_names(__name__, as_convolution=None, rest_divergence=None)
