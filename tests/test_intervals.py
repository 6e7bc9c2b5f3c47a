"""Intervals by Student's t, the choice of images, the sign test: against known values and against simulation."""

import math
import statistics

import numpy as np
import pytest

from kdlab.intervals import image_error, sign_test, student_t, t_interval


@pytest.mark.parametrize(
    "count, expected", [(2, 12.706), (3, 4.303), (5, 2.776), (31, 2.042), (41, 2.021), (101, 1.984)]
)
def test_students_t_is_that_of_the_tables(count, expected):
    assert student_t(count) == pytest.approx(expected, abs=0.003)


@pytest.mark.parametrize("count", [1, 0, 2.0, True])
def test_an_interval_needs_two_values(count):
    with pytest.raises(ValueError, match="at least 2 values"):
        student_t(count)


def test_an_interval_of_five_covers_the_truth_19_times_in_20_and_two_standard_errors_do_not():
    draws = np.random.default_rng(0).normal(3, 2, (20_000, 5))
    means, errors = draws.mean(1), draws.std(1, ddof=1) / math.sqrt(5)
    assert abs((np.abs(means - 3) <= student_t(5) * errors).mean() - 0.95) < 0.006
    assert abs((np.abs(means - 3) <= 2 * errors).mean() - 0.884) < 0.008
    mean, half = t_interval(draws[0])
    assert (mean, half) == pytest.approx((means[0], 2.776 * errors[0]))


def test_the_choice_of_images_joins_the_interval():
    differences = [3, 5, 4, 6, 2]
    _, seeds = t_interval(differences)
    mean, both = t_interval(differences, image_error=10)
    assert mean == 4 and both == pytest.approx(math.hypot(seeds, 19.6), rel=1e-3)


def test_error_of_the_images_is_how_much_other_images_would_change_the_difference():
    rng = np.random.default_rng(1)
    ours, theirs = rng.binomial(5, 0.05, (2, 2000)) / 5
    again = [(ours[k] - theirs[k]).sum() for k in rng.integers(0, 2000, (2000, 2000))]  # bootstrap
    assert image_error(ours, theirs) == pytest.approx(statistics.stdev(again), rel=0.05)
    with pytest.raises(ValueError):
        image_error([1, 2], [1])


def test_sign_test_counts_tosses_of_a_fair_coin():
    assert sign_test(4, 5) == sign_test(1, 5) == 0.375
    assert sign_test(5, 5) == 0.0625 and sign_test(3, 6) == 1.0
    with pytest.raises(ValueError, match="from 0 to 5"):
        sign_test(6, 5)
