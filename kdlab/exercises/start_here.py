"""Exercises of lesson 00: one of each kind, to see how they work."""

from kdlab.exercises.core import Exercise, Option, Question, Quiz


def _ask_second_picture(answer):
    answer.holds(not isinstance(answer.value, (str, list, tuple)), "Write the digit alone: no quotes, no brackets.")
    answer.is_number()
    answer.is_not(3, "That is the first picture. The second is to the right of it.")
    answer.is_not(4, "That is the third picture. The second is to the left of it.")
    answer.holds(answer.value in range(10), "A digit is a whole number from 0 to 9.")
    answer.equals(2, "Look again at the second picture in the strip above.")


second_picture = Exercise(
    place=1,
    title="The second picture",
    minutes=2,
    difficulty="easy",
    reference=2,
    questions=_ask_second_picture,
    hints=("The strip of pictures is at the top of the panel.", "Click on the second picture to see it marked."),
    wrong={
        "the first": (3, "first picture"),
        "the third": (4, "third picture"),
        "a word": ("two", "no quotes"),
        "in a list": ([2], "no brackets"),
        "not a digit": (12, "from 0 to 9"),
        "not a whole number": (2.5, "from 0 to 9"),
        "another digit": (7, "Look again"),
    },
    praise="Yes. That is all there is to an exercise.",
)

quiz = Quiz(
    Question(
        "Which of these does a label not tell a student?",
        (
            Option("Which digit the picture shows.", "That is just what a label says, and all it says."),
            Option(
                "Which other digits this picture resembles.", "Right. A soft target does, picture by picture.", True
            ),
        ),
    ),
)
