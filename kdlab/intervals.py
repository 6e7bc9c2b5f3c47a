"""What a few seeds are worth: intervals by Student's t, images joined to them, and the sign test. No PyTorch needed."""

import math
import statistics

# 95 %, two-sided, for 2 to 31 values
_T = (
    12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228, 2.201, 2.179, 2.160, 2.145, 2.131,
    2.120, 2.110, 2.101, 2.093, 2.086, 2.080, 2.074, 2.069, 2.064, 2.060, 2.056, 2.052, 2.048, 2.045, 2.042,
)  # fmt: skip
_NORMAL = 1.959964


def student_t(count):
    """How many standard errors the 95 % interval of a mean of `count` values reaches each way: 2.776 for 5.

    ValueError for fewer than 2 values.
    """
    if isinstance(count, bool) or not isinstance(count, int) or count < 2:
        raise ValueError(f"an interval needs at least 2 values, not {count!r}")
    if count - 2 < len(_T):
        return _T[count - 2]
    return _NORMAL + (_NORMAL**3 + _NORMAL) / (4 * (count - 1))  # the first term of the expansion: right to 0.002


def t_interval(values, image_error=0.0):
    """(mean, half-width of its 95 % interval) of one number for each seed.

    Give the differences of two arms, seed by seed, for a paired comparison. `image_error` is the standard error that
    the choice of test images adds (`image_error` of this module); with it the interval is about fresh seeds *and*
    fresh images. The two are joined as independent, which is a little too wide: what a seed does to an image counts
    twice.
    """
    values = [float(value) for value in values]
    seeds = student_t(len(values)) * statistics.stdev(values) / math.sqrt(len(values))
    return statistics.fmean(values), math.hypot(seeds, _NORMAL * image_error)


def image_error(ours, theirs):
    """Standard error, in errors, of the difference of two arms over the choice of test images.

    For each image, the share of the seeds with which the arm is wrong: two rows of equal length.
    """
    differences = [a - b for a, b in zip(ours, theirs, strict=True)]
    return math.sqrt(len(differences)) * statistics.stdev(differences)


def sign_test(wins, of):
    """The chance that a fair coin would favour one side in at least this many of so many tosses, whichever side it is.

    0.375 for 4 of 5: the wins of an arm that is no better would look so lopsided that often.
    """
    if not 0 <= wins <= of or of < 1:
        raise ValueError(f"wins must be from 0 to {of}, not {wins}")
    most = max(wins, of - wins)
    return min(1.0, 2 * sum(math.comb(of, k) for k in range(most, of + 1)) / 2**of)
