"""The record behind lesson 10: complete, every arm at a rate of its own, and what the lesson says of it."""

import pytest
from scripts import load_script

from kdlab.data import load_results
from kdlab.intervals import t_interval

RESULTS, SCRIPT = load_results("many_teachers"), load_script("many_teachers")
SEEDS = range(5)


def row_of(section, **settings):
    (row,) = (row for row in RESULTS[section] if settings.items() <= row.items())
    return row


def more(ours, theirs):
    """The 95 % interval of ours - theirs in points, as (lowest, highest)."""
    middle, half = t_interval([100 * (a - b) for a, b in zip(ours, theirs, strict=True)])
    return middle - half, middle + half


def tuned_arms(value):
    """Every dict with a learning rate and what was tried for it, however deep."""
    if isinstance(value, dict):
        if "tried" in value:
            yield value
        for part in value.values():
            yield from tuned_arms(part)
    elif isinstance(value, list):
        for part in value:
            yield from tuned_arms(part)


@pytest.mark.parametrize("section", SCRIPT.SECTIONS)
def test_every_section_is_recorded_in_full(section):
    jobs = SCRIPT.SECTIONS[section][1]
    assert len(RESULTS[section]) == len([*jobs()])
    for job in jobs():
        row_of(section, **job)


def test_every_arm_has_the_best_of_its_rates_and_it_is_not_at_the_edge():
    assert RESULTS["seeds"] == list(SEEDS) and not set(SEEDS) & set(RESULTS["trial_seeds"])
    arms = [arm for section in SCRIPT.SECTIONS for row in RESULTS[section] for arm in tuned_arms(row)]
    assert len(arms) > 60
    for arm in arms:
        tried = {float(rate): score for rate, score in arm["tried"].items()}
        assert tried[arm["learning_rate"]] == max(tried.values()), arm
        assert min(tried) < arm["learning_rate"] < max(tried), arm


def test_gains_on_digits_vanish_when_more_seeds_choose_the_rates():
    (again,) = RESULTS["no_help_again"]
    assert not {*SCRIPT.FRESH, *SCRIPT.CHOOSERS} & {*SEEDS, *RESULTS["trial_seeds"]}
    row = row_of("no_help", data="digits")
    for way in ("born again, generation 3", "mutual learning, two"):
        assert more(row[way]["test"], row["labels_alone"]["test"])[0] > 0
        assert more(again[way]["test"], again["labels_alone"]["test"])[0] < 0


def test_a_better_rate_alone_gives_the_baseline_more_than_a_point():
    good, bad = (row_of("baseline", rate=rate) for rate in (0.005, 0.02))
    row, (again,) = row_of("no_help", data="digits")["labels_alone"], RESULTS["no_help_again"]
    assert bad["no_help"] == row["test"] and good["no_help_again"] == again["labels_alone"]["test"]
    assert more(good["no_help"], bad["no_help"])[0] > 0.5 and more(good["no_help_again"], bad["no_help_again"])[0] > 1


def test_two_who_both_say_mine_share_the_probability_and_their_argmax_teaches():
    row, halves = row_of("none_of_mine", data="digits"), row_of("halves", data="digits")
    assert row["joined"] == halves["joined"]["none of mine"]
    assert min(row["surest below 0.6"]) > 0.98 and max(row["refuses the other's"]) < 0.01
    assert more(row["student of the argmax"]["test"], halves["students"]["none of mine"]["test"])[0] > 15


def test_a_grid_grows_until_its_best_is_inside():
    asked = []

    def score_of(rates):
        asked.extend(rates)
        return [-abs(rate - 0.001) for rate in rates]

    rate, tried = SCRIPT.tune(score_of)
    assert rate == 0.001 and sorted(asked) == [0.0005, 0.001, 0.002, 0.005, 0.01, 0.02]
    assert list(tried) == ["0.0005", "0.001", "0.002", "0.005", "0.01", "0.02"]


def test_labels_count_and_not_starts():
    own, shared, pooled = (
        row_of("crowd", data="digits", labels=100, mode=mode) for mode in ("own", "shared", "pooled")
    )
    assert more(own["probabilities"]["10"], own["single"])[0] > 5
    low, high = more(shared["probabilities"]["10"], shared["single"])
    assert low < 0 < high < 3
    assert more(pooled["single"], own["probabilities"]["10"])[0] > 2
    assert more(own["students"]["argmax"]["test"], own["students"]["probabilities"]["test"])[0] > 0


def test_a_digit_network_gains_by_its_own_argmax():
    for labels in (100, 20):
        single = row_of("crowd", data="digits", labels=labels, mode="own")["single"]
        assert more(row_of("own_argmax", data="digits", labels=labels)["test"], single)[0] > 1


def test_both_means_part_where_teachers_know_least():
    for labels, least in ((20, 1.5), (100, 0.3)):
        row = row_of("crowd", data="digits", labels=labels, mode="own")
        assert more(row["probabilities"]["10"], row["logits"]["10"])[0] > least


def test_disagreement_wins_one_way_round_and_loses_the_other():
    doubt = {data: row_of("crowd", data=data, labels=100, mode="own")["doubt"] for data in ("digits", "clothes")}
    there, back = (
        more(*(doubt[data][score]["strangers"] for score in ("crowd, disagreement", "one teacher, entropy")))
        for data in ("digits", "clothes")
    )
    assert there[0] > 0 > back[1]
    for data in ("digits", "clothes"):  # the control: teachers who all have the same thousand labels
        scores = row_of("crowd", data=data, labels=100, mode="pooled")["doubt"]
        best = scores.pop("crowd, disagreement")["strangers"]
        assert all(more(best, other["strangers"])[0] > 0 for other in scores.values())


def test_halves_join_on_digits_and_not_on_clothes():
    digits, clothes = (row_of("halves", data=data) for data in ("digits", "clothes"))
    assert min(digits["students"]["centred"]["test"]) > 0.88 and max(clothes["joined"]["centred"]) < 0.6
    low, high = more(digits["joined"]["centred"], digits["joined"]["plain"])
    assert low < 0 < high


def test_digits_travel_through_noise_from_the_same_start_only():
    same, other, shuffled = (
        row_of("subliminal", share=share, extra=3, shuffled=shuffled)["test"]
        for share, shuffled in ((1.0, False), (0.0, False), (1.0, True))
    )
    assert min(same) > 0.35 and max(other) < 0.2 and max(shuffled) < 0.2
