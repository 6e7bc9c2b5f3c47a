"""QuizPanel: multiple-choice questions whose every option answers in words."""

import re

import traitlets as t

from kdlab.widgets.base import Panel, source


class QuizPanel(Panel):
    """The questions of an `exercises.core.Quiz`; `.chosen` is what the reader chose (-1: nothing yet)."""

    _esm = source("common.js", "quiz.js")
    _css = source("common.css", "quiz.css")

    questions = t.List().tag(sync=True)
    chosen = t.List().tag(sync=True)

    def __init__(self, quiz):
        questions = [
            {"text": q.text, "options": [[o.text, o.feedback, o.right] for o in q.options]} for q in quiz.questions
        ]
        self._words = repr(quiz)
        super().__init__(questions=questions, chosen=[-1] * len(questions))

    def figure(self):
        """The questions as a picture, for viewers without a kernel."""
        from kdlab.plots import words

        return words(re.sub(r"\*([^*\s][^*]*)\*|`([^`]+)`", r"\1\2", self._words))
