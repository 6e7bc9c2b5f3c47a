"""Exercises of lesson 09, relation distillation."""

import torch
import torch.nn.functional as F

from kdlab.exercises.core import Exercise, OpenExercise, Option, Question, Quiz

# 1 --------------------------------------------------------------------------------------------------------------------


def _far_and_near(draw):
    """Features of both, with an outlier each, so that some gaps of relative distances are larger than 1."""
    rows = max(draw.rows, 3)
    student, teacher = draw.logits(rows, draw.classes), draw.logits(rows, draw.width)
    student[0], teacher[1] = 60 * student[0], 80 * teacher[1]
    return {"student_features": student, "teacher_features": teacher}


def _relational_distance_loss(student_features, teacher_features):
    """Smooth L1 of both tables (B, B) of distances, each divided by its mean over the pairs of different samples."""
    tables = []
    for features in (student_features, teacher_features.detach()):
        distances = torch.cdist(features, features)
        pairs = len(features) * (len(features) - 1)
        tables.append(distances / (distances.sum() / pairs))
    student, teacher = tables
    return F.smooth_l1_loss(student, teacher)


def _relational_distance_by_norm(student_features, teacher_features):
    student = (student_features[:, None] - student_features[None, :]).norm(dim=-1)
    teacher = (teacher_features[:, None] - teacher_features[None, :]).norm(dim=-1).detach()
    different = ~torch.eye(len(student), dtype=torch.bool)
    student = student / student[different].mean()
    teacher = teacher / teacher[different].mean()
    gap = (student - teacher).abs()
    return torch.where(gap < 1, gap**2 / 2, gap - 0.5).mean()


def _distances(features):
    return (features[:, None] - features[None, :]).norm(dim=-1)


def _over_mean(distances):
    return distances / (distances.sum() / (len(distances) * (len(distances) - 1)))


def _other_distances(table=lambda f: _over_mean(_distances(f)), loss=F.smooth_l1_loss):
    return lambda s, t: loss(table(s), table(t.detach()))


def _of_pairs(function):
    """The loss over different samples only."""

    def loss(student, teacher):
        different = ~torch.eye(len(student), dtype=torch.bool)
        return function(student[different], teacher[different])

    return loss


relational_distance_loss = Exercise(
    place=1,
    title="Distances without units",
    minutes=15,
    difficulty="medium",
    reference=_relational_distance_loss,
    forms=(_relational_distance_by_norm,),
    draw=_far_and_near,
    gradient=("student_features",),
    hints=(
        "First a table of all distances for each side: entry i, j is how far sample i is from sample j. Its diagonal is "
        "0. Student and teacher may differ in width; their tables are both (B, B).",
        "`torch.cdist(features, features)` makes it. (By hand, take `.norm(dim=-1)` of the differences and not the "
        "square root of a sum: on the diagonal that is the root of 0, whose slope is infinite.)",
        "B samples have B · (B − 1) ordered pairs of different ones, and the diagonal adds nothing to the sum: sum / "
        "pairs is the mean. Divide each table by its own, detach the teacher's, then `F.smooth_l1_loss`.",
    ),
    mistakes={
        "You divided by the mean over all B² entries. The B zeros of the diagonal are no pairs: leave them out.": (
            _other_distances(lambda f: _distances(f) / _distances(f).mean())
        ),
        "These are squared distances. Take the root, or use `torch.cdist`.": (
            _other_distances(lambda f: _over_mean(_distances(f).square())),
            _other_distances(lambda f: _distances(f).square()),
        ),
        "The distances are still in the units of each network. Divide each table by its mean.": (
            _other_distances(_distances)
        ),
        "Both tables were divided by the same mean. Each side has its own.": (
            lambda s, t: F.smooth_l1_loss(
                _over_mean(_distances(s)), _distances(t) * (_over_mean(_distances(s)) / _distances(s))[0, 1]
            ),
            lambda s, t: F.smooth_l1_loss(
                _distances(s) * (_over_mean(_distances(t)) / _distances(t))[0, 1], _over_mean(_distances(t))
            ),
        ),
        "You divided by the standard deviation or the median of the distances. Divide by their mean.": (
            _other_distances(lambda f: torch.cdist(f, f) / torch.cdist(f, f).std()),
            _other_distances(lambda f: torch.cdist(f, f) / torch.cdist(f, f).median()),
        ),
        "You made each row a unit vector. Divide the whole table by one number, its mean.": (
            _other_distances(lambda f: F.normalize(torch.cdist(f, f), dim=1))
        ),
        "You divided by the largest distance. Divide by the mean.": (
            _other_distances(lambda f: _distances(f) / _distances(f).max())
        ),
        "Each row got a mean of its own. One mean for the whole batch is asked for.": (
            _other_distances(lambda f: _distances(f) / (_distances(f).sum(1, keepdim=True) / (len(f) - 1))),
            _other_distances(lambda f: _distances(f) / (_distances(f).sum(0, keepdim=True) / (len(f) - 1))),
            _other_distances(lambda f: _distances(f) / _distances(f).mean(1, keepdim=True)),
        ),
        "These are sums of absolute differences. Euclidean distances are asked for: roots of sums of squares.": (
            _other_distances(lambda f: _over_mean((f[:, None] - f[None]).abs().sum(-1)))
        ),
        "These are dot products, which are largest for what is alike. Distances are asked for.": (
            _other_distances(lambda f: _over_mean(f @ f.T)),
            _other_distances(lambda f: f @ f.T),
        ),
        "Those are cosines, 1 minus each: angles as seen from the origin. Euclidean distances are asked for.": (
            _other_distances(lambda f: _over_mean(1 - F.normalize(f, dim=1) @ F.normalize(f, dim=1).T)),
            _other_distances(lambda f: 1 - F.normalize(f, dim=1) @ F.normalize(f, dim=1).T),
        ),
        "You made the features unit vectors first. Take the distances of the features as they are; the mean of the "
        "distances takes the units away.": (
            _other_distances(lambda f: _over_mean(_distances(F.normalize(f, dim=1)))),
            _other_distances(lambda f: _distances(F.normalize(f, dim=1))),
        ),
        "The line of your smooth L1 begins somewhere else. It is half the square up to 1, and |x| - 1/2 from there.": (
            _other_distances(loss=lambda s, t: F.huber_loss(s, t, delta=0.5)),
            _other_distances(loss=lambda s, t: F.huber_loss(s, t, delta=2.0)),
            _other_distances(loss=lambda s, t: F.smooth_l1_loss(s, t, beta=0.5)),
        ),
        "You counted each pair once in the number of pairs, and twice in the sum.": (
            _other_distances(lambda f: _over_mean(_distances(f)) / 2)
        ),
        "That is the mean squared difference. Smooth L1 is asked for: half the square up to 1, and from there a line.": (
            _other_distances(loss=F.mse_loss),
            _other_distances(loss=lambda s, t: F.mse_loss(s, t) / 2),
        ),
        "That is the mean absolute difference. Smooth L1 is asked for, which is half the square up to 1.": (
            _other_distances(loss=F.l1_loss)
        ),
        "You averaged over the pairs of different samples. The mean over all B² entries is asked for, as in the authors' "
        "code; the diagonal adds nothing to the sum.": (_other_distances(loss=_of_pairs(F.smooth_l1_loss))),
    },
    wrong={
        "a root of a sum": (
            _other_distances(lambda f: _over_mean((f[:, None] - f[None]).square().sum(-1).sqrt())),
            "the root of 0",
        ),
        "a teacher that learns": (
            lambda s, t: F.smooth_l1_loss(_over_mean(_distances(s)), _over_mean(_distances(t))),
            "flows into `teacher_features`",
        ),
    },
)

# 2 --------------------------------------------------------------------------------------------------------------------


def _angles(features):
    """(B, D) -> (B, B, B): [i, j, k] is the cosine of the angle at i between the directions to j and k; 0 if one is i."""
    directions = features[None, :, :] - features[:, None, :]  # [i, j] leads from i to j
    directions = F.normalize(directions, dim=-1)
    return directions @ directions.transpose(1, 2)


def _angles_by_einsum(features):
    directions = features.unsqueeze(0) - features.unsqueeze(1)
    directions = F.normalize(directions, dim=2)
    return torch.einsum("ijd,ikd->ijk", directions, directions)


def _other_angles(directions=lambda f: f[None] - f[:, None], unit=lambda d: F.normalize(d, dim=-1), end=lambda c: c):
    return lambda f: end(unit(directions(f)) @ unit(directions(f)).transpose(1, 2))


angles = Exercise(
    place=2,
    title="All triangles",
    minutes=10,
    difficulty="hard",
    reference=_angles,
    forms=(_angles_by_einsum,),
    roles={"features": "student features"},
    draw=lambda draw: {"features": draw.logits(max(draw.rows, 3), draw.width)},
    hints=(
        "Two steps: all directions, a table (B, B, D) whose entry [i, j] leads from sample i to sample j; then, at each i, the "
        "cosines between them.",
        "`features[None] - features[:, None]` are the directions. `F.normalize(..., dim=-1)` makes each a unit vector, and leaves "
        "the zeros on the diagonal alone.",
        "With unit vectors, cosines are dot products: for each i the (B, D) table times its transpose. `@` does that for all i at "
        "once: `directions @ directions.transpose(1, 2)`.",
    ),
    mistakes={
        "These are dot products of directions, not cosines: make the directions unit vectors first.": (
            _other_angles(unit=lambda d: d)
        ),
        "Those are cosines between the samples as seen from the origin. The angles are at a third sample: subtract it.": (
            lambda f: F.normalize(f, dim=-1) @ F.normalize(f, dim=-1).T,
            lambda f: (F.normalize(f, dim=-1) @ F.normalize(f, dim=-1).T).expand(len(f), -1, -1),
        ),
        "The direction from a sample to itself has length 0, and 0 / 0 is nan. `F.normalize` leaves such zeros alone.": (
            _other_angles(unit=lambda d: d / d.norm(dim=-1, keepdim=True))
        ),
        "Your angles are not at the first sample: the unit vectors were made over another dimension. The D numbers stand last: "
        "dim=-1.": (
            _other_angles(unit=lambda d: F.normalize(d, dim=1)),
            _other_angles(unit=lambda d: F.normalize(d, dim=0)),
        ),
        "These are dot products of directions divided by squared lengths. A unit vector is divided by its length: the root.": (
            _other_angles(unit=lambda d: d / d.square().sum(-1, keepdim=True).clamp(min=1e-12))
        ),
        "You made the samples unit vectors before. Make the *directions* unit vectors, and leave the samples as they are.": (
            lambda f: _angles(F.normalize(f, dim=-1))
        ),
        "Right angles at the wrong place: the corner is the first of the three indices.": (
            lambda f: _angles(f).permute(1, 0, 2),
            lambda f: _angles(f).permute(1, 2, 0),
            lambda f: _angles(f).permute(2, 0, 1),
        ),
        "These are the angles themselves. Their cosines are asked for, which need no arccos.": (
            _other_angles(end=lambda c: c.clamp(-1, 1).arccos()),
            _other_angles(end=lambda c: c.clamp(-1, 1).arccos().rad2deg()),
        ),
        "These are cosines of all B² directions with each other, corner by corner or not. Only directions from the *same* sample "
        "make an angle.": lambda f: (lambda d: d @ d.T)(F.normalize(f[None] - f[:, None], dim=-1).flatten(0, 1)),
    },
)

# 3 --------------------------------------------------------------------------------------------------------------------


def _recall_at_one(features, labels):
    """The share of the N pictures whose nearest *other* picture has the same label; nearest by Euclidean distance."""
    distances = torch.cdist(features, features)
    distances.fill_diagonal_(torch.inf)
    nearest = distances.argmin(dim=1)
    return (labels[nearest] == labels).double().mean()


def _recall_by_two(features, labels):
    nearest = torch.cdist(features, features).topk(2, largest=False).indices[:, 1]
    return (labels[nearest] == labels).float().mean().item()


def _other_recall(table=torch.cdist, fill=torch.inf, choose=lambda d: d.argmin(1)):
    def recall_at_one(features, labels):
        distances = table(features, features).clone()
        if fill is not None:
            distances.fill_diagonal_(fill)
        return (labels[choose(distances)] == labels).double().mean()

    return recall_at_one


def _hits(features, labels):
    nearest = torch.cdist(features, features).fill_diagonal_(torch.inf).argmin(1)
    return labels[nearest] == labels


def _nearby(enough, count):
    def recall(features, labels):
        nearest = torch.cdist(features, features).fill_diagonal_(torch.inf).topk(count, largest=False).indices
        return enough(labels[nearest] == labels[:, None]).double().mean()

    return recall


def _pile(draw):
    """Many pictures, since a share is met by chance else; one class has more of them than the others."""
    labels = torch.arange(4 * draw.rows) % draw.tokens
    if draw.rows > 1:
        labels = torch.cat([labels.repeat(12), torch.zeros(9 * draw.rows + 1, dtype=torch.int64)])
    centres = torch.randn(draw.tokens, draw.width)
    lengths = 0.3 + torch.rand(len(labels), 1)  # else the nearest by cosine would be the nearest
    return {"features": lengths * (centres[labels] + 3 * torch.randn(len(labels), draw.width)), "labels": labels}


recall_at_one = Exercise(
    place=3,
    title="Is the nearest one of the same kind?",
    minutes=10,
    difficulty="medium",
    reference=_recall_at_one,
    forms=(_recall_by_two,),
    roles={"features": "features"},
    draw=_pile,
    hints=(
        "A table of all distances again. In each row, where is the smallest one? Mind the diagonal: each picture is nearest to "
        "itself.",
        "`distances.fill_diagonal_(torch.inf)` takes the picture itself out of the race. `argmin(dim=1)` finds the nearest other.",
        "`labels[nearest] == labels` is True where both have the same label; the share is its mean, as a float.",
    ),
    mistakes={
        "Each picture is its own nearest one, at distance 0. Take it out first.": _other_recall(fill=None),
        "You leave out everything at distance 0. Another picture may stand at the very same place: leave out the diagonal.": (
            _other_recall(lambda a, b: torch.cdist(a, b).masked_fill(torch.cdist(a, b) == 0, torch.inf), fill=None)
        ),
        "You took the farthest one.": (
            _other_recall(fill=-torch.inf, choose=lambda d: d.argmax(1)),
            _other_recall(fill=0.0, choose=lambda d: d.argmax(1)),
        ),
        "That is the nearest by cosine. Euclidean distances are asked for here.": (
            _other_recall(lambda a, b: 1 - F.normalize(a, dim=1) @ F.normalize(b, dim=1).T)
        ),
        "That is the share among the five nearest. Only the nearest one counts.": (
            _other_recall(choose=lambda d: d.topk(5, largest=False).indices.T)
        ),
        "These are sums of absolute differences. Euclidean distances are asked for: p=2.": (
            _other_recall(lambda a, b: torch.cdist(a, b, p=1))
        ),
        "That is the second nearest of the other pictures. Take the nearest one: with its own place still in the row, it is "
        "the second entry.": (_other_recall(choose=lambda d: d.argsort(1)[:, 1]),),
        "You count one of two or more near ones as enough. Only the nearest one counts.": (
            _nearby(lambda same: same.any(1), 2),
            _nearby(lambda same: same.any(1), 5),
        ),
        "The picture itself stands among your nearest ones: take it out first.": (
            lambda f, y: (y[torch.cdist(f, f).topk(2, largest=False).indices] == y[:, None]).double().mean()
        ),
        "That is the largest dot product, which long vectors win. Euclidean distances are asked for.": (
            lambda f, y: (y[(f @ f.T).fill_diagonal_(-torch.inf).argmax(1)] == y).double().mean()
        ),
        "You changed the scale of the features first. Take the distances of the features as they are.": (
            lambda f, y: _recall_at_one((f - f.mean(0)) / f.std(0), y)
        ),
        "You averaged class by class. Here every picture counts the same.": (
            lambda f, y: torch.stack([_hits(f, y)[y == c].double().mean() for c in y.unique()]).mean()
        ),
        "You compared each picture with the means of the classes. Its nearest other *picture* is asked for.": (
            lambda f, y: (
                (torch.cdist(f, torch.stack([f[y == c].mean(0) for c in y.unique()])).argmin(1) == y).double().mean()
            )
        ),
        "You counted the right ones. Their share is asked for: the mean.": (
            lambda f, y: _recall_at_one(f, y) * len(y),
            lambda f, y: int(round(float(_recall_at_one(f, y)) * len(y))),
        ),
        "That is the share of *all pairs* with the same label. Only the nearest one of each picture counts.": (
            lambda f, y: (y[:, None] == y[None]).double().mean()
        ),
        "You compared the nearest one's place with the label. Look up its label first: `labels[nearest]`.": (
            lambda f, y: (torch.cdist(f, f).fill_diagonal_(torch.inf).argmin(1) == y).double().mean()
        ),
    },
)

# 4 --------------------------------------------------------------------------------------------------------------------


def _features_of_both(draw):
    return {
        "student_features": draw.logits(draw.rows, draw.classes),
        "teacher_features": draw.logits(draw.rows, draw.width),
        "temperature": 0.1 * draw.temperature,
    }


def _cosine_relation_loss(student_features, teacher_features, temperature):
    """KL(teacher || student) of softmax(cosines / temperature), each sample among the others, mean over the samples."""
    logs = []
    for features in (student_features, teacher_features.detach()):
        units = F.normalize(features, dim=1)
        scores = (units @ units.T / temperature).fill_diagonal_(-torch.inf)
        logs.append(scores.log_softmax(dim=1))
    log_q, log_p = logs
    terms = log_p.exp() * (log_p - log_q)
    return terms.fill_diagonal_(0.0).sum(dim=1).mean()


def _rows_without_diagonal(features, temperature):
    cosines = F.normalize(features, dim=-1) @ F.normalize(features, dim=-1).T
    different = ~torch.eye(len(features), dtype=torch.bool)
    return F.log_softmax(cosines[different].view(len(features), -1) / temperature, dim=-1)


def _cosine_relation_by_rows(student_features, teacher_features, temperature):
    log_q = _rows_without_diagonal(student_features, temperature)
    log_p = _rows_without_diagonal(teacher_features.detach(), temperature)
    return F.kl_div(log_q, log_p, reduction="batchmean", log_target=True)


def _kl(log_q, log_p):
    return (log_p.exp() * (log_p - log_q)).sum(-1).mean()


def _other_cosines(rows=_rows_without_diagonal, loss=_kl):
    return lambda s, t, temperature: loss(rows(s, temperature), rows(t.detach(), temperature))


def _rows_with_diagonal(features, temperature):
    cosines = F.normalize(features, dim=-1) @ F.normalize(features, dim=-1).T
    return F.log_softmax(cosines / temperature, dim=-1)


def _rows_with_zeros(features, temperature):
    cosines = F.normalize(features, dim=-1) @ F.normalize(features, dim=-1).T
    return F.log_softmax(cosines * (1 - torch.eye(len(features))) / temperature, dim=-1)


def _rows_with_least(features, temperature):
    cosines = F.normalize(features, dim=-1) @ F.normalize(features, dim=-1).T
    return F.log_softmax((cosines - 2 * torch.eye(len(features))) / temperature, dim=-1)


def _rows_with_infinity(features, temperature):
    cosines = F.normalize(features, dim=-1) @ F.normalize(features, dim=-1).T
    return F.log_softmax(cosines.masked_fill(torch.eye(len(features), dtype=torch.bool), -torch.inf) / temperature, -1)


def _rows_of(table, temperature):
    different = ~torch.eye(len(table), dtype=torch.bool)
    return F.log_softmax(table[different].view(len(table), -1) / temperature, dim=-1)


def _rows_of_dots(features, temperature):
    return _rows_of(features @ features.T, temperature)


cosine_relation_loss = Exercise(
    place=4,
    title="Who resembles whom",
    minutes=15,
    difficulty="hard",
    reference=_cosine_relation_loss,
    forms=(_cosine_relation_by_rows,),
    draw=_features_of_both,
    gradient=("student_features",),
    hints=(
        "For student and teacher alike: unit vectors, a table of cosines, a softmax in each row. Then the KL that you know, row by "
        "row.",
        "A sample's cosine with itself is always 1, and says nothing: it must have no share. `fill_diagonal_(-torch.inf)` before the "
        "softmax gives it none, or take the entries beside the diagonal, `cosines[different].view(B, B - 1)`.",
        "With minus infinity on the diagonal the KL has 0 · (inf − inf) = nan there: set those terms to 0. Without the diagonal, it is "
        '`F.kl_div(log_q, log_p, reduction="batchmean", log_target=True)`.',
    ),
    mistakes={
        "You left each sample among its own neighbours. Its cosine with itself is always 1: take the diagonal out.": (
            _other_cosines(_rows_with_diagonal)
        ),
        "A cosine of 0 has a share like any other: to leave the diagonal out it must be minus infinity, or gone.": (
            _other_cosines(_rows_with_zeros)
        ),
        "The least cosine is -1, and at -1 a sample still has a share in itself. Minus infinity gives it none.": (
            _other_cosines(_rows_with_least)
        ),
        "These are distances, not cosines. Cosines are the dot products of unit vectors.": (
            _other_cosines(lambda f, temperature: _rows_of(-torch.cdist(f, f), temperature)),
            _other_cosines(lambda f, temperature: _rows_of(-torch.cdist(f, f).square(), temperature)),
        ),
        "You centred the features first. Take their cosines as they are, seen from the origin.": (
            _other_cosines(lambda f, temperature: _rows_without_diagonal(f - f.mean(0), temperature))
        ),
        "nan: the diagonal is minus infinity on both sides, ∞ - ∞, and 0 times that. Set those terms to 0 before you add up.": (
            _other_cosines(_rows_with_infinity)
        ),
        "The student's probabilities stand where their logarithms belong: `F.kl_div` takes log_softmax first.": (
            _other_cosines(loss=lambda log_q, log_p: F.kl_div(log_q.exp(), log_p.exp(), reduction="batchmean"))
        ),
        "The temperature divides one side only. Both, student and teacher, have the same.": (
            lambda s, t, temperature: _kl(
                _rows_without_diagonal(s, 1.0), _rows_without_diagonal(t.detach(), temperature)
            ),
            lambda s, t, temperature: _kl(
                _rows_without_diagonal(s, temperature), _rows_without_diagonal(t.detach(), 1.0)
            ),
        ),
        "That is the mean of both directions of the KL. Only KL(teacher || student) is asked for.": (
            _other_cosines(loss=lambda log_q, log_p: (_kl(log_q, log_p) + _kl(log_p, log_q)) / 2)
        ),
        "These are dot products: long vectors would be near to everything. Make unit vectors first.": (
            _other_cosines(_rows_of_dots)
        ),
        "That is the squared difference of both tables of probabilities. The KL is asked for.": (
            _other_cosines(loss=lambda log_q, log_p: (log_q.exp() - log_p.exp()).square().sum(-1).mean()),
            _other_cosines(loss=lambda log_q, log_p: (log_q.exp() - log_p.exp()).square().mean()),
        ),
        "There is a factor T² in front. Here the plain KL is asked for.": (
            lambda s, t, temperature: temperature**2 * _cosine_relation_loss(s, t, temperature)
        ),
    },
)

# 5 --------------------------------------------------------------------------------------------------------------------

design_a_control = OpenExercise(
    place=5,
    title="What did the teacher add?",
    minutes=10,
    difficulty="medium",
    hints=(
        "A space that finds a 7 has learned something from somewhere: from the teacher, from the loss, from the labels behind the "
        "teacher, or from the pixels themselves. Which of these does the claim need?",
        "Keep the loss, the student, the batches and the tuning. Put another space in the teacher's place. What could stand there?",
        "Do not forget the spaces that nobody trains. What would make you give up the claim?",
    ),
    good_answer="""A good answer has four parts.

1. **The rival explanation**, in one sentence. There are at least four, and each wants a control of its own:
   - *the loss does it*: give the same loss another space to copy. Labels as a space (one-hot: equal or not equal) have no
     teacher in them. If they do as well, "softmax over cosines" is the finding, not the teacher;
   - *the pixels do it*: let the student copy the cosines of the raw pixels. And look at the pixels themselves, without any
     student: they may be better than what you are proud of;
   - *any network does it*: an untrained teacher's cosines, and an untrained student;
   - *the teacher has seen these digits*: then it hands down what it knows of 7, 8 and 9. That is knowledge, but "classes never
     seen" is true of the student only. A teacher that has never seen them either would be the control.
2. **What stays**: student, start, batches, steps, the number of tries, and the validation pictures that choose the rate, the
   temperature and the distance of *each* arm.
3. **The measure is fixed before**: found among unseen digits, on test pictures, with settings chosen on digits that were seen.
4. **What would count against the claim**, said before the run: "if the cosines of labels are within the paired interval of the
   teacher's, the teacher added nothing that we can see".

Controls that do not answer: fewer steps (another question), a student with more numbers (changes what is compared), the
accuracy on the seen digits (another measure).""",
)

# 6 --------------------------------------------------------------------------------------------------------------------


def _linear_cka(x, y):
    """||Xᵀ Y||² / (||Xᵀ X|| ||Yᵀ Y||) of features (N, D) and (N, D') whose columns are centred first; a number from 0 to 1."""
    x = x - x.mean(dim=0)
    y = y - y.mean(dim=0)
    return (x.T @ y).square().sum() / ((x.T @ x).norm() * (y.T @ y).norm())


def _cka_of_tables(x, y):
    x, y = x - x.mean(0, keepdim=True), y - y.mean(0, keepdim=True)
    k, other = x @ x.T, y @ y.T
    return (k * other).sum() / (k.square().sum().sqrt() * other.square().sum().sqrt())


linear_cka = Exercise(
    place=6,
    title="How alike are two spaces?",
    minutes=5,
    difficulty="easy",
    reference=_linear_cka,
    forms=(_cka_of_tables,),
    roles={"x": "features", "y": "features"},
    draw=lambda draw: {
        "x": draw.logits(max(draw.rows, 4), draw.classes) + 1.0,
        "y": draw.logits(max(draw.rows, 4), draw.width) - 0.5,
    },
    hints=(
        "Three matrix products, each of a transposed table with a table, and the norm of each: the root of the sum of all squares.",
        "Centre first: from each column, its mean over the N samples, `x - x.mean(dim=0)`. That is what makes CKA blind to a shift.",
        "`(x.T @ y).square().sum()` is the squared norm above; below stand plain norms, `(x.T @ x).norm() * (y.T @ y).norm()`.",
    ),
    mistakes={
        "Not centred: from each column take off its mean over the samples, dim=0.": (
            lambda x, y: (x.T @ y).square().sum() / ((x.T @ x).norm() * (y.T @ y).norm())
        ),
        "You centred each sample. The mean is over the samples, one for each column: dim=0.": (
            lambda x, y: _uncentred_cka(x - x.mean(1, keepdim=True), y - y.mean(1, keepdim=True))
        ),
        "You subtracted one mean, that of all entries. Each column has its own: dim=0.": (
            lambda x, y: _uncentred_cka(x - x.mean(), y - y.mean())
        ),
        "Above, the norm of Xᵀ Y is *squared*.": lambda x, y: _linear_cka(x, y).sqrt() * _cka_roots(x, y),
        "You divided by squared norms. Below, the norms themselves are multiplied.": (
            lambda x, y: _linear_cka(x, y) / _norms(x, y)
        ),
        "You divided each column by its spread. Centring is all that is asked for: how much a direction varies counts.": (
            lambda x, y: _linear_cka(x / x.std(0), y / y.std(0))
        ),
        "Below stand the norms of the products Xᵀ X and Yᵀ Y, not of X and Y.": (
            lambda x, y: _linear_cka(x, y) * _norms(x, y) / ((x - x.mean(0)).norm() * (y - y.mean(0)).norm()),
            lambda x, y: _linear_cka(x, y) * _norms(x, y) / ((x - x.mean(0)).norm() * (y - y.mean(0)).norm()) ** 2,
        ),
        "The squared norm is the sum of the *squares* of all entries, not the square of their sum.": (
            lambda x, y: ((x - x.mean(0)).T @ (y - y.mean(0))).sum() ** 2 / _norms(x, y)
        ),
        "These are spectral norms, the largest singular values. Here a norm is the root of the sum of all squares.": (
            lambda x, y: _spectral_cka(x - x.mean(0), y - y.mean(0))
        ),
        "You made each sample a unit vector. Centring the columns is all that is asked for.": (
            lambda x, y: _uncentred_cka(F.normalize(x - x.mean(0), dim=1), F.normalize(y - y.mean(0), dim=1)),
            lambda x, y: _linear_cka(F.normalize(x, dim=1), F.normalize(y, dim=1)),
        ),
        "A norm is the root of the sum of all *squares*, not the sum of absolute values.": (
            lambda x, y: _absolute_cka(x - x.mean(0), y - y.mean(0))
        ),
        "That is the root of CKA. Above stands the squared norm, below the norms.": lambda x, y: _linear_cka(
            x, y
        ).sqrt(),
    },
)


def _uncentred_cka(x, y):
    return (x.T @ y).square().sum() / ((x.T @ x).norm() * (y.T @ y).norm())


def _spectral_cka(x, y):
    largest = lambda table: torch.linalg.matrix_norm(table, 2)  # noqa: E731
    return largest(x.T @ y) ** 2 / (largest(x.T @ x) * largest(y.T @ y))


def _absolute_cka(x, y):
    return (x.T @ y).abs().sum() ** 2 / ((x.T @ x).abs().sum() * (y.T @ y).abs().sum())


def _norms(x, y):
    x, y = x - x.mean(0), y - y.mean(0)
    return (x.T @ x).norm() * (y.T @ y).norm()


def _cka_roots(x, y):
    return _norms(x, y) ** -0.5


# quiz -----------------------------------------------------------------------------------------------------------------

quiz = Quiz(
    Question(
        "You rotate the teacher's 64 features and its head along with them, so that its answers stay the same. Which student "
        "has to learn something new?",
        (
            Option(
                "The one that copies its numbers through a projection which is kept fixed.",
                "Right: the numbers are others now. A learned projection would turn along.",
                True,
            ),
            Option("The one that copies its distances.", "A rotation changes no distance."),
            Option("The one that copies its answers.", "They stay the same: the head was turned, too."),
        ),
    ),
    Question(
        "To all features of the teacher you add the same vector. Which loss notices?",
        (
            Option("Distances and angles.", "Both compare samples with samples: the vector cancels."),
            Option("Similarity matrices and cosines.", "Right: both look from the origin, and that has moved.", True),
            Option("None of them.", "Two of the four look from the origin."),
        ),
    ),
    Question(
        "A student of 16 numbers finds unseen digits as well as raw pixels do. What do you conclude?",
        (
            Option(
                "It keeps in 16 numbers what 784 pixels say: small, but nothing was found that the pixels do not have.",
                "Right: which may be worth it, and is said together.",
                True,
            ),
            Option("It has learned what a digit is.", "Pixels have not, and do as well."),
            Option("The measure is useless.", "It measures what it says. The reference tells what it is worth."),
        ),
    ),
    Question(
        "Student A is closer to the teacher by CKA, student B finds more neighbours of the same class. Which do you ship for a "
        "search of pictures?",
        (
            Option("A: it is more like the teacher.", "Likeness was a means. Nobody searches for likeness."),
            Option(
                "B, if the gap is larger than its interval.", "Right: choose by the measure that the use has.", True
            ),
            Option("The mean of both.", "Two students do not share a space: their numbers have no common meaning."),
        ),
    ),
)
