"""BlindTestPanel: which of two texts did the teacher write? And how far the answers are from mere guessing."""

import math
import random

import traitlets as t

from kdlab.widgets.base import Panel, source

SAID = ("left", "right", "cannot tell")
REVEAL = ("each", "end")
Z = 1.959964  # 95 % of a normal distribution lie within so many standard deviations
WIDE, NARROW = 56, 27  # characters that are sure to fit in a line of a text box, in a wide and in a narrow panel
MOST_LINES = (16, 24)  # of a box in each of the two; longer texts scroll in it


def against_guessing(right, of):
    """{"share", "interval", "chance"} of `right` right answers out of `of` between two texts.

    interval: Wilson's for the share, 95 % (Wilson 1927). chance: the probability that guessing, right half the time,
    gives that many right answers or more (exact binomial). All None if `of` is 0. ValueError for impossible counts.
    """
    if any(isinstance(n, bool) or not isinstance(n, int) for n in (right, of)) or not 0 <= right <= of:
        raise ValueError(f"right and of must be whole numbers, 0 <= right <= of: got {right!r} and {of!r}")
    if of == 0:
        return {"share": None, "interval": None, "chance": None}
    share, spread = right / of, Z**2 / of
    middle = (share + spread / 2) / (1 + spread)
    half = math.sqrt(spread * share * (1 - share) + spread**2 / 4) / (1 + spread)
    chance = sum(math.comb(of, n) for n in range(right, of + 1)) / 2**of
    return {"share": share, "interval": (max(0.0, middle - half), min(1.0, middle + half)), "chance": chance}


def blind_score(answers):
    """{"right", "of", "cannot tell", "share", "interval", "chance"} of answers as in `BlindTestPanel.answers`.

    Those that cannot tell are left out of `of`. Lists of several readers can be joined: blind_score(ann + ben). Their
    answers to the same pair are not quite independent: a text that is easy to tell is so for both.
    """
    decided = [answer["correct"] for answer in answers if answer["correct"] is not None]
    counts = {"right": sum(decided), "of": len(decided), "cannot tell": len(answers) - len(decided)}
    return {**counts, **against_guessing(counts["right"], counts["of"])}


class BlindTestPanel(Panel):
    """A prompt and two texts without names: the reader says which one the first of `names` has written.

    pairs     a list of {"prompt": str, "teacher": str, "student": str}, the keys as in `names`
    names     the sources. With more than two, a pair holds two or more of them: the earliest in `names` that it has is
              asked for, and stands against one of the others, each of them equally often
    seed      of the order of the pairs and of the sides
    reveal    "each": what is right is said after each answer; "end": after the last one
    most      of all pairs, at most so many in a round

    `answers` is plain data, one dict for each answer of this round; `score` what `blind_score` says of them.
    `answer("left")` and `next()` do what the buttons do, `restart()` begins another round in another order.
    """

    _esm = source("common.js", "blind.js")
    _css = source("common.css", "blind.css")

    round = t.Int(0).tag(sync=True)
    _of = t.Int().tag(sync=True)
    _shown = t.Dict().tag(sync=True)  # {"number", "prompt", "left", "right", "asked"}: no names before the answer
    _verdict = t.Dict().tag(sync=True)  # {"said", "correct", "left", "right"}, once it is said
    _marks = t.List().tag(sync=True)  # for each answer True, False, None, or "" while nothing is said
    _result = t.Dict().tag(sync=True)  # {"score", "by": [[the other's name, score], ...], "answers"} at the end
    _lines = t.List().tag(sync=True)  # of the text boxes and of the prompt, each in a wide and in a narrow panel

    def __init__(self, pairs, names=("teacher", "student"), *, seed=0, reveal="each", most=None):
        self.names = list(names)
        if len(set(self.names)) < max(2, len(self.names)) or "prompt" in self.names:
            raise ValueError(f"names must be two or more different names, none of them 'prompt': {self.names}")
        if reveal not in REVEAL:
            raise ValueError(f'reveal must be "each" or "end", not {reveal!r}')
        self.pairs = [self._checked(n, pair) for n, pair in enumerate(pairs)]
        if not self.pairs:
            raise ValueError("there are no pairs")
        if most is not None and (isinstance(most, bool) or not isinstance(most, int) or most < 1):
            raise ValueError(f"most must be a whole number of pairs, at least 1, or None: got {most!r}")
        self.seed, self.reveal = seed, reveal
        texts = [text for pair in self.pairs for name, text in pair.items() if name != "prompt"]
        prompts = [pair["prompt"] for pair in self.pairs]
        boxes = [min(most_, _lines_of(texts, width)) for width, most_ in zip((WIDE, NARROW), MOST_LINES, strict=True)]
        super().__init__(
            _of=min(most or len(self.pairs), len(self.pairs)),
            _lines=[*boxes, *(min(5, _lines_of(prompts, width)) for width in (2 * WIDE, 2 * NARROW))],
        )
        self.restart()
        self.on_msg(lambda _, content, buffers: self._on_request(**content))

    def _checked(self, n, pair):
        """The pair with stripped texts; ValueError if it is none."""
        if not isinstance(pair, dict) or not isinstance(pair.get("prompt"), str):
            raise ValueError(f'pair {n} must be a dict with a "prompt"')
        texts = {name: pair[name] for name in self.names if pair.get(name) is not None}
        if any(not isinstance(text, str) or not text.strip() for text in texts.values()):
            raise ValueError(f"pair {n} has a text that is empty or no string")
        if len(texts) < 2:
            raise ValueError(
                f"pair {n} needs the texts of two of {', '.join(self.names)}; it has {list(texts) or 'none'}"
            )
        texts = {name: text.strip() for name, text in texts.items()}
        if len(set(texts.values())) < len(texts):
            raise ValueError(f"two texts of pair {n} are the same: nobody can tell them apart, so leave it out")
        return {"prompt": pair["prompt"].strip(), **texts}

    # --- a round

    def restart(self):
        """Begin a new round: another order, other sides, no answers."""
        draw = random.Random(f"{self.seed} {self.round}")
        order = draw.sample(range(len(self.pairs)), self._of)
        met = dict.fromkeys(self.names, 0)
        self._deck, self.answers = [], []
        for n in order:
            asked, *others = (name for name in self.names if name in self.pairs[n])
            other = min(others, key=lambda name: (met[name], draw.random()))
            met[other] += 1
            left, right = draw.sample([asked, other], 2)
            self._deck.append({"pair": n, "left": left, "right": right, "asked": asked})
        with self.hold_sync():
            self.round += 1
            self._marks, self._result = [], {}
            self._show()

    def _show(self):
        """The pair that is to be answered next, or the result."""
        self._verdict = {}
        number = len(self.answers)
        if number == self._of:
            self._shown = {}
            others = {_other(answer): None for answer in self.answers}
            by = [[name, blind_score([a for a in self.answers if _other(a) == name])] for name in others]
            self._marks = [answer["correct"] for answer in self.answers]
            self._result = {"score": self.score, "by": by if len(by) > 1 else [], "answers": self.answers}
            return
        card = self._deck[number]
        pair = self.pairs[card["pair"]]
        self._shown = {
            "number": number, "prompt": pair["prompt"], "left": pair[card["left"]], "right": pair[card["right"]],
            "asked": card["asked"],
        }  # fmt: skip

    def answer(self, said):
        """Answer "left", "right" or "cannot tell"; nothing happens where none is waited for. ValueError for other words."""
        if said not in SAID:
            raise ValueError(f"an answer is one of {', '.join(SAID)}, not {said!r}")
        if self._verdict or not self._shown:
            return
        card = self._deck[len(self.answers)]
        correct = None if said == "cannot tell" else card[said] == card["asked"]
        prompt = self.pairs[card["pair"]]["prompt"]
        self.answers.append({"pair": card["pair"], "prompt": prompt, **card, "said": said, "correct": correct})
        with self.hold_sync():
            if self.reveal == "each":
                self._marks = [*self._marks, correct]
                self._verdict = {"said": said, "correct": correct, "left": card["left"], "right": card["right"]}
            else:
                self._marks = [*self._marks, ""]
                self._show()

    def next(self):
        """The next pair, or the result, after an answer has been seen."""
        if self._verdict:
            with self.hold_sync():
                self._show()

    @property
    def score(self):
        """What `blind_score` says of the answers so far."""
        return blind_score(self.answers)

    def _on_request(self, request, value=None, number=None):
        if request == "answer" and number == self._shown.get("number"):  # a key that repeats answers one pair only
            self.answer(value)
        elif request == "next" and number == self._shown.get("number"):
            self.next()
        elif request == "restart":
            self.restart()

    def figure(self):
        """The two texts without names, or the result."""
        from kdlab import plots

        return plots.blind_panel(self._shown, self._verdict, self.score, of=self._of)


def _other(answer):
    return answer["right"] if answer["left"] == answer["asked"] else answer["left"]


def _lines_of(texts, width):
    """Lines that the longest of these texts takes, so many characters in each."""
    return max(sum(max(1, -(-len(line) // width)) for line in text.split("\n")) for text in texts)
