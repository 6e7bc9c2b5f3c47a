"""BlindTestPanel without a browser: what it tells and when, and what its score says of guessing."""

import json
import math
import random

import pytest

from kdlab import widgets
from kdlab.widgets import BlindTestPanel, against_guessing, blind_score


def pairs(count, names=("teacher", "student")):
    return [{"prompt": f"prompt {n}", **{name: f"{name} wrote {n}" for name in names}} for n in range(count)]


def side_of(panel, name):
    """Where that source stands now: the texts of these pairs begin with it."""
    return next(side for side in ("left", "right") if panel._shown[side].startswith(name))


def play(panel, answer):
    """A whole round; answer(panel) gives what is said."""
    while panel._shown:
        panel.answer(answer(panel))
        panel.next()
    return panel


# --- the score


@pytest.mark.parametrize("right, of", [(0, 1), (1, 1), (9, 12), (12, 12), (3, 10), (40, 60), (550, 1000)])
def test_chance_and_interval(right, of):
    found = against_guessing(right, of)
    assert found["share"] == right / of
    exact = math.fsum(math.comb(of, n) * 0.5**of for n in range(right, of + 1))
    assert found["chance"] == pytest.approx(exact, rel=1e-9)
    low, high = found["interval"]
    assert 0 <= low <= right / of <= high <= 1
    for edge in (low, high):  # Wilson: the shares from which the observed one is 1.96 standard errors away
        if 0 < edge < 1 and 0 < right < of:
            assert abs(right / of - edge) / math.sqrt(edge * (1 - edge) / of) == pytest.approx(1.96, abs=1e-3)


def test_known_values():
    found = against_guessing(9, 12)
    assert found["chance"] == pytest.approx(299 / 4096)
    assert found["interval"] == pytest.approx((0.4677, 0.9111), abs=1e-4)
    assert against_guessing(0, 0) == {"share": None, "interval": None, "chance": None}
    assert against_guessing(0, 7)["chance"] == 1 and against_guessing(0, 7)["interval"][0] == 0


def test_guessing_is_called_guessing():
    """Of many readers who guess, at most 5 in 100 are told that they had less than a 5 % chance."""
    draw = random.Random(1)
    chances = [against_guessing(sum(draw.random() < 0.5 for _ in range(30)), 30)["chance"] for _ in range(2000)]
    assert 0.02 < sum(chance < 0.05 for chance in chances) / 2000 <= 0.065


@pytest.mark.parametrize("right, of", [(-1, 3), (4, 3), (1.0, 3), (True, 3), (0, -1)])
def test_impossible_counts(right, of):
    with pytest.raises(ValueError, match="whole numbers"):
        against_guessing(right, of)


def test_answers_can_be_pooled():
    ann = play(BlindTestPanel(pairs(7), seed=1), lambda panel: side_of(panel, "teacher"))
    ben = play(BlindTestPanel(pairs(7), seed=2), lambda panel: side_of(panel, "student"))
    cleo = play(BlindTestPanel(pairs(7)), lambda panel: "cannot tell")
    pooled = blind_score(ann.answers + ben.answers + cleo.answers)
    assert (pooled["right"], pooled["of"], pooled["cannot tell"], pooled["share"]) == (7, 14, 7, 0.5)
    assert ann.score["right"] == 7 and ann.score["chance"] == pytest.approx(2**-7)
    assert ben.score["right"] == 0 and ben.score["chance"] == 1
    assert cleo.score["of"] == 0 and cleo.score["share"] is None
    assert blind_score([])["of"] == 0


# --- a round


def test_every_pair_is_shown_once_and_answers_are_plain_data():
    panel = BlindTestPanel(pairs(9))
    seen = []
    while panel._shown:
        number, at = len(panel.answers), panel._shown["number"]
        assert at == number and {panel._shown["left"][:7], panel._shown["right"][:7]} == {"teacher", "student"}
        assert len({panel._shown[part].split()[-1] for part in ("left", "right", "prompt")}) == 1, "of one pair"
        seen.append(panel._shown["prompt"])
        truth = side_of(panel, "teacher")
        panel.answer("left")
        assert panel._verdict["correct"] == (truth == "left") and panel._verdict[truth] == "teacher"
        panel.next()
    assert sorted(seen) == [f"prompt {n}" for n in range(9)] and seen != sorted(seen)
    assert json.loads(json.dumps(panel.answers)) == panel.answers
    assert set(panel.answers[0]) == {"pair", "prompt", "left", "right", "asked", "said", "correct"}
    assert [a["prompt"] for a in panel.answers] == seen == [f"prompt {a['pair']}" for a in panel.answers]
    assert panel._result["score"] == panel.score == blind_score(panel.answers)
    assert panel._marks == [a["correct"] for a in panel.answers]


def test_nothing_that_the_view_has_tells_before_the_answer():
    """The page knows the texts and who is asked for, and no other name."""
    for reveal in ("each", "end"):
        panel = BlindTestPanel([{"prompt": "p", "teacher": "aaa", "student": "bbb"}] * 2, reveal=reveal)
        for _ in range(2):
            sent = json.dumps({k: value for k, value in panel.get_state().items() if k not in ("_esm", "_css")})
            assert "student" not in sent and sent.count("teacher") == 1  # in the question
            panel.answer("left")
            assert ("student" in json.dumps(panel._verdict)) == (reveal == "each")
            panel.next()


def test_sides_and_order_are_drawn_from_the_seed():
    def first(seed):
        panel = play(BlindTestPanel(pairs(40), seed=seed), lambda panel: "left")
        return [(a["pair"], a["left"]) for a in panel.answers]

    assert first(3) == first(3) != first(4)
    left = [side == "teacher" for seed in range(10) for _, side in first(seed)]
    assert 150 < sum(left) < 250  # of 400


def test_restart_draws_again_and_says_so():
    panel = BlindTestPanel(pairs(12))
    assert panel.round == 1
    first = play(panel, lambda panel: "left").answers
    panel.restart()
    assert panel.round == 2 and panel.answers == [] and panel._shown["number"] == 0 and not panel._result
    second = play(panel, lambda panel: "left").answers
    assert [a["pair"] for a in first] != [a["pair"] for a in second] and len(first) == len(second) == 12


def test_answers_wait_for_their_turn():
    panel = BlindTestPanel(pairs(3))
    panel.next()
    assert panel._shown["number"] == 0
    panel.answer("left")
    panel.answer("right")  # too late
    assert len(panel.answers) == 1 and panel.answers[0]["said"] == "left"
    panel._on_request(request="answer", value="left", number=0)
    panel._on_request(request="next", number=1)
    assert panel._shown["number"] == 0
    panel._on_request(request="next", number=0)
    panel._on_request(request="next", number=0)
    panel._on_request(request="answer", value="cannot tell", number=0)  # a key that was pressed twice
    assert panel._shown["number"] == 1 and len(panel.answers) == 1
    with pytest.raises(ValueError, match="one of left, right, cannot tell"):
        panel.answer("both")
    play(panel, lambda panel: "cannot tell")
    panel.answer("left")
    assert len(panel.answers) == 3
    panel._on_request(request="restart")
    assert panel.round == 2


def test_at_the_end_only():
    panel = BlindTestPanel(pairs(4), reveal="end")
    for n in range(4):
        assert panel._verdict == {} and panel._marks == [""] * n
        panel.answer(side_of(panel, "teacher"))
    assert not panel._shown and panel._marks == [True] * 4 and panel._result["score"]["right"] == 4


def test_three_sources_and_a_part_of_the_pairs():
    names = ("teacher", "both", "text only")
    panel = BlindTestPanel(pairs(20, names), names, most=8)
    play(panel, lambda panel: side_of(panel, panel._shown["asked"]))
    assert len(panel.answers) == 8 and {a["asked"] for a in panel.answers} == {"teacher"}
    others = [a["right"] if a["left"] == "teacher" else a["left"] for a in panel.answers]
    assert sorted(others) == ["both"] * 4 + ["text only"] * 4
    by = dict(panel._result["by"])
    assert by["both"]["right"] == by["text only"]["right"] == by["both"]["of"] == 4
    two = BlindTestPanel(pairs(3, names[1:]), names)
    assert two._shown["asked"] == "both"
    assert play(two, lambda panel: "left")._result["by"] == []


@pytest.mark.parametrize(
    "arguments, options, words",
    [
        (([],), {}, "no pairs"),
        ((["text"],), {}, "pair 0 must be a dict"),
        (([{"teacher": "a", "student": "b"}],), {}, 'a "prompt"'),
        (([{"prompt": "p", "teacher": "a"}],), {}, "pair 0 needs the texts of two of teacher, student"),
        (([*pairs(1), {"prompt": "p", "teacher": "a", "student": " "}],), {}, "pair 1 has a text that is empty"),
        (([{"prompt": "p", "teacher": "a", "student": "a \n"}],), {}, "are the same"),
        ((pairs(1), ["teacher"]), {}, "two or more different names"),
        ((pairs(1), ["teacher", "teacher"]), {}, "two or more different names"),
        ((pairs(1), ["teacher", "prompt"]), {}, "none of them 'prompt'"),
        ((pairs(1),), {"reveal": "never"}, "reveal must be"),
        ((pairs(1),), {"most": 0}, "most must be"),
    ],
)
def test_bad_input_is_refused_in_words(arguments, options, words):
    with pytest.raises(ValueError, match=words):
        BlindTestPanel(*arguments, **options)


def test_a_picture_where_no_kernel_answers():
    odd = [{"prompt": "$x_1$ " * 60, "teacher": "Once\n\nthere $was_1 " * 80, "student": "é <b> ☃ " * 9}] * 2
    panel = BlindTestPanel(odd)
    bundle, _ = panel._repr_mimebundle_()
    assert bundle["text/plain"] == "<BlindTestPanel>" and len(bundle["image/png"]) > 5000
    panel.answer("left")
    assert panel.png().startswith(b"\x89PNG")
    play(panel, lambda panel: "left")
    assert panel.png().startswith(b"\x89PNG")
    assert play(BlindTestPanel(pairs(2)), lambda panel: "cannot tell").png().startswith(b"\x89PNG")
    assert widgets.BlindTestPanel is BlindTestPanel
