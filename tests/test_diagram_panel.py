"""DiagramPanel without a page: its losses are those of kdlab.losses, its student learns, the given one does not."""

import copy

import every_panel
import pytest
import torch

import kdlab
from kdlab import models, training, widgets
from kdlab.losses import cross_entropy, distillation_loss, kl_divergence
from kdlab.widgets.driver import FINISHED, READY


@pytest.fixture
def make():
    m = every_panel.material()

    def make(student=None, **options):
        return widgets.DiagramPanel(student or m.student, m.teacher, m.images[:4], m.labels[:4], **options)

    make.data = (m.inputs, m.targets, m.teacher_logits)
    return make


@pytest.mark.parametrize("temperature", [1.0, 4.0, 20.0])
@pytest.mark.parametrize("alpha", [0.0, 0.3, 1.0])
def test_the_losses_are_the_course_s(make, temperature, alpha):
    m = every_panel.material()
    panel = make()
    panel.temperature, panel.alpha, panel.selected = temperature, alpha, 2
    x, y = models.to_inputs(m.images[2:3]), torch.tensor(m.labels[2:3])
    with torch.no_grad():
        z, v = m.student(x), m.teacher(x)
    found = panel.losses
    assert found["hard"] == pytest.approx(cross_entropy(z, y).item(), rel=1e-5)
    soft = temperature**2 * kl_divergence(z, v, temperature=temperature).item()
    assert found["soft"] == pytest.approx(soft, rel=1e-4, abs=1e-6)
    total = distillation_loss(z, v, y, temperature=temperature, alpha=alpha).item()
    assert found["total"] == pytest.approx(total, rel=1e-4)
    assert found["total"] == pytest.approx(alpha * found["hard"] + (1 - alpha) * found["soft"], rel=1e-4)


def test_it_trains_a_copy_as_training_does(make):
    m = every_panel.material()
    given = copy.deepcopy(m.student)
    recipe = training.Recipe(steps=12, batch_size=8, temperature=2.0, alpha=0.2)
    panel = make(given, train=make.data, recipe=recipe).run()
    ours = copy.deepcopy(given)
    training.fit(ours, *make.data, recipe=recipe)
    assert panel.state == FINISHED and panel.done == 12
    for trained, expected in zip(panel.student.parameters(), ours.parameters(), strict=True):
        assert torch.equal(trained, expected)
    assert all(torch.equal(a, b) for a, b in zip(given.parameters(), m.student.parameters(), strict=True))


def test_reset_makes_the_student_fresh_and_a_second_run_repeats_the_first(make):
    panel = make(train=make.data, recipe=training.Recipe(steps=5, batch_size=8))
    fresh = panel.losses
    panel.run()
    first = panel.losses
    assert first["soft"] < fresh["soft"]
    panel.reset()
    panel._driver._do_requests()
    assert panel.state == READY and panel.done == 0 and panel.losses == fresh
    panel.run()
    assert panel.losses == first


def test_sliders_change_the_run_from_the_next_step_on(make):
    panel = make(train=make.data, recipe=training.Recipe(steps=6, batch_size=8, temperature=2.0, alpha=0.2))
    panel.step()
    panel._driver._do_requests()
    panel.temperature = 5.0
    panel.step()
    panel._driver._do_requests()
    assert panel._running.changes == {1: {"temperature": 5.0, "alpha": 0.2}}
    assert panel._recipe.changes == {}


def test_what_to_learn_from_is_asked_for_when_learning_begins(make):
    asked = []
    panel = make(train=lambda: asked.append(1) or make.data, recipe=training.Recipe(steps=2, batch_size=8))
    assert not asked
    panel.run()
    panel.run()
    assert asked == [1]


def test_a_student_that_stays_as_it_is_cannot_be_started(make):
    panel = make()
    assert not panel.learns
    with pytest.raises(ValueError, match="give the panel train="):
        panel.run()
    assert panel.state == READY


def test_bad_input_is_named(make):
    m = every_panel.material()
    with pytest.raises(ValueError, match="sliders are temperature and alpha, not speed"):
        make(sliders=("speed",))
    with pytest.raises(ValueError, match="labels must be 4 classes from 0 to 9"):
        widgets.DiagramPanel(m.student, m.teacher, m.images[:4], [1, 2, 3])
    with pytest.raises(ValueError, match="temperature must be positive"):
        make().temperature = 0


def test_the_course_s_first_panel_is_a_fresh_student_that_waits_to_learn():
    panel = kdlab.first_look()
    assert panel.state == READY and panel.learns and callable(panel._train)  # nothing has been computed for it yet
    assert panel.sliders == ["temperature"] and not panel.formulas
    assert panel.labels[panel.selected] == 4 and panel.logits["teacher"].argmax() == 4
    assert panel.losses["hard"] == pytest.approx(2.3, abs=0.6)  # about ln 10: the student knows nothing
