"""DarkKnowledgePanel without a browser: its sums are those of the losses, its groups are right, it refuses."""

import numpy as np
import pytest
import torch

from kdlab import losses
from kdlab.widgets import DarkKnowledgePanel
from kdlab.widgets.dark_knowledge import SHOWN, divergences_of_the_rest, second_choices

COUNT = 300


def models(seed=0):
    generator = np.random.default_rng(seed)
    teacher = generator.normal(0, 3, (COUNT, 10)).astype(np.float32)
    near = teacher + generator.normal(0, 0.5, teacher.shape).astype(np.float32)
    far = generator.normal(0, 3, teacher.shape).astype(np.float32)
    images = generator.integers(0, 256, (COUNT, 28, 28)).astype(np.uint8)
    return images, teacher.argmax(1), {"teacher": teacher, "distilled": near, "hard labels": far}


@pytest.fixture(scope="module")
def panel():
    return DarkKnowledgePanel(*models())


@pytest.mark.parametrize("temperature", [0.7, 1.0, 4.0])
def test_distances_are_kl_of_what_is_left(temperature):
    _, _, logits = models()
    student, teacher = logits["hard labels"], logits["teacher"]
    found = divergences_of_the_rest(student, teacher, temperature)
    for n in range(20):
        rest = np.arange(10) != teacher[n].argmax()
        expected = losses.kl_divergence(
            torch.tensor(student[n, rest]), torch.tensor(teacher[n, rest]), temperature=temperature
        )
        assert found[n] == pytest.approx(expected.item(), rel=1e-3, abs=1e-5)


def test_a_second_choice_leaves_the_first_out():
    logits = np.array([[5.0, 4, 1], [5, 4, 1], [0, 1, 2]])
    assert second_choices(logits, [0, 1, 2]).tolist() == [1, 0, 1]


def test_the_near_student_inherited_more(panel):
    near, far = panel.inheritance["distilled"], panel.inheritance["hard labels"]
    assert near["same_second"] > 0.6 and abs(far["same_second"] - 1 / 9) < 0.07, "chance is 1 in 9"
    assert near["divergence"] < far["divergence"] / 5
    assert "teacher" not in panel.inheritance


def test_maps_count_every_digit(panel):
    for counts in panel._counts:
        counts = np.array(counts)
        assert counts.sum() == COUNT and (np.diag(counts) == 0).all()


def test_groups_hold_their_closest_calls(panel):
    _, _, logits = models()
    teacher = logits["teacher"]
    first, second = teacher.argmax(1), second_choices(teacher, teacher.argmax(1))
    top = np.sort(teacher, 1)
    lead = top[:, -1] - top[:, -2]
    for key, found in panel._groups.items():
        f, s = map(int, key.split())
        inside = np.flatnonzero(((f < 0) | (first == f)) & ((s < 0) | (second == s)))
        assert found == inside[np.argsort(lead[inside], kind="stable")][:SHOWN].tolist()
    assert panel.selected == lead.argmin()


def test_only_digits_that_are_shown_can_be_chosen(panel):
    with pytest.raises(ValueError, match="group"):
        panel.group = [3, 3]
    hidden = next(i for i in range(COUNT + 1) if i not in panel._shown)
    with pytest.raises(ValueError, match="closest calls"):
        panel.selected = hidden
    with pytest.raises(ValueError, match="temperature"):
        panel.temperature = 0.0


def test_bad_input_is_refused_in_words():
    images, labels, logits = models()
    teacher = logits["teacher"]
    for arguments, words in [
        ((images, labels, {"distilled": teacher, "hard labels": teacher}), '"teacher"'),
        ((images, labels, {"teacher": teacher}), "one to three students"),
        ((images, labels, {"teacher": teacher, "distilled": teacher[:-1]}), "'distilled' are"),
        ((images, labels, {"teacher": teacher, "distilled": teacher * np.nan}), "finite"),
        ((images[:-1], labels, logits), "images must be"),
        ((images, labels[:-1], logits), "300 classes"),
        ((images, labels + 9, logits), "from 0 to 9"),
    ]:
        with pytest.raises(ValueError, match=words):
            DarkKnowledgePanel(*arguments)


def test_the_teacher_comes_first_and_tensors_will_do():
    images, labels, logits = models()
    turned = {name: torch.tensor(values) for name, values in reversed(logits.items())}
    panel = DarkKnowledgePanel(torch.tensor(images), torch.tensor(labels), turned)
    assert panel.names == ["teacher", "hard labels", "distilled"]


def test_it_shows_a_picture_where_no_kernel_answers(panel):
    data, _ = panel._repr_mimebundle_()
    assert data["text/plain"] == "<DarkKnowledgePanel>" and panel.png().startswith(b"\x89PNG")
