"""The student's page in Chromium, from the disk: the same logits as PyTorch, drawn with mouse, finger and keys."""

import pytest
import torch
from harness import ARTIFACTS, PICTURES

from kdlab import compression, models, training
from kdlab.compression.weights import layers_of
from kdlab.data import load_mnist
from kdlab.teachers import load_mnist_teacher, predict_logits
from kdlab.widgets.drawing import to_mnist

pytestmark = pytest.mark.browser
MAPS = {"kernels": (5, 3), "strides": (2, 2), "seed": 1}
NETWORKS = {
    "mlp": lambda x: models.MLP(784, 20, 12, 10, seed=1),
    "mlp, 4 bits": lambda x: compression.quantise(models.MLP(784, 20, 12, 10, seed=1), 4),
    "mlp, ternary": lambda x: compression.quantise(models.MLP(784, 20, 12, 10, seed=1), "ternary"),
    "mlp, pruned, 3 bits": lambda x: compression.quantise(compression.prune(models.MLP(784, 20, 10, seed=1), 0.8), 3),
    "mlp, rank 4, 2 bits": lambda x: compression.quantise(compression.factorise(models.MLP(784, 20, 10, seed=1), 4, x), 2),
    "maps": lambda x: models.ConvNet(4, 6, **MAPS),
    "maps, mean, 4 bits": lambda x: compression.quantise(models.ConvNet(4, 6, pooling="mean", **MAPS), [8, 4, 4]),
    "maps, hidden, 1 bit": lambda x: compression.quantise(models.ConvNet(4, 6, hidden=9, **MAPS), 1),
    "maps, stride 1, rank 2": lambda x: compression.factorise(models.ConvNet(4, 6, kernels=3, strides=1, pooling="mean", hidden=9), 2, x),
    "maps, pruned, ternary": lambda x: compression.quantise(compression.prune(models.ConvNet(4, 6, **MAPS), 0.5), "ternary"),
}  # fmt: skip


@pytest.fixture(scope="module")
def digits():
    mnist = load_mnist()
    return models.to_inputs(mnist.test_images[:200]), torch.from_numpy(mnist.test_labels[:200])


@pytest.fixture
def show(chromium):
    """show(file, **options of the context) opens a file; at the end nothing may have been asked for or complained of."""
    contexts, heard = [], []

    def open_page(file, **options):
        context = chromium.new_context(offline=True, **options)
        contexts.append(context)
        page = context.new_page()
        page.on("console", lambda message: heard.append(message.text))
        page.on("pageerror", lambda error: heard.append(str(error)))
        page.on("request", lambda request: request.url == file.as_uri() or heard.append(request.url))
        page.goto(file.as_uri())
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert heard == []


@pytest.mark.parametrize("name", NETWORKS)
def test_the_page_and_pytorch_give_the_same_logits(name, digits, show, tmp_path):
    inputs, _ = digits
    network = NETWORKS[name](inputs)
    generator = torch.Generator().manual_seed(5)
    with torch.no_grad():
        for key, parameter in network.named_parameters():
            if "bias" in key:  # which are 0 before training
                parameter.copy_(torch.randn(parameter.shape, generator=generator) / 4)
    compression.save_page(network, tmp_path / "page.html")
    found = torch.tensor(
        show(tmp_path / "page.html").evaluate("(rows) => rows.map((x) => forward(layers, x))", inputs.tolist())
    )
    wanted = predict_logits(network, inputs)
    assert len({tuple(row) for row in wanted.tolist()}) == 200 and len(layers_of(network)) >= 2
    torch.testing.assert_close(found, wanted, rtol=0, atol=1e-4)


@pytest.fixture(scope="module")
def student(digits, tmp_path_factory):
    """The file of a small student that has learned a little, with six examples and what the teacher says of them."""
    mnist = load_mnist()
    images, labels = models.to_inputs(mnist.train_images[:10_000]), torch.from_numpy(mnist.train_labels[:10_000])
    network = models.ConvNet(8, 16, kernels=(5, 3), pooling="mean", seed=0)
    recipe = training.Recipe(temperature=1, alpha=1, steps=250, batch_size=64, learning_rate=1e-2)
    training.fit(network, images, labels, recipe=recipe, jitter=2)
    examples = digits[0][:6], digits[1][:6]
    teacher = predict_logits(load_mnist_teacher(), examples[0])
    file = tmp_path_factory.mktemp("student") / "student.html"
    compression.save_page(compression.quantise(network, 8), file, examples=examples, teacher_logits=teacher)
    return file


def at(page, x, y):
    box = page.locator("#paper").bounding_box()
    return box["x"] + x * box["width"], box["y"] + y * box["height"]


def draw_one(page):
    """A 1, with the mouse: from above to below."""
    page.mouse.move(*at(page, 0.5, 0.2))
    page.mouse.down()
    page.mouse.move(*at(page, 0.5, 0.8), steps=8)
    page.mouse.up()


def says(page):
    return page.inner_text("#answer")


def test_a_digit_drawn_with_the_mouse_is_read(student, show):
    page = show(student)
    assert "Draw a digit" in says(page)
    draw_one(page)
    assert says(page).startswith("The student says 1 ")
    sharp = page.locator("tbody tr").nth(1).inner_text()
    page.locator("#temperature").fill("20")
    assert page.locator("tbody tr").nth(1).inner_text() != sharp
    page.click("#clear")
    assert "Draw a digit" in says(page)


def test_what_is_drawn_is_centred_and_as_large_as_in_mnist(student, show):
    page = show(student)
    page.mouse.move(*at(page, 0.1, 0.1))  # a small 7 in the corner
    page.mouse.down()
    page.mouse.move(*at(page, 0.2, 0.1), steps=4)
    page.mouse.move(*at(page, 0.15, 0.3), steps=4)
    page.mouse.up()
    assert says(page).startswith("The student says 7 ")
    image = page.evaluate(
        "() => Array.from(find('#seen').getContext('2d').getImageData(0, 0, 28, 28).data).filter((_, n) => n % 4 === 3)"
    )
    seen = torch.tensor(image, dtype=torch.float64).view(28, 28) / 255
    rows, columns = (torch.nonzero(seen.sum(axis) > 0.5).flatten() for axis in (1, 0))
    assert 19 <= rows.max() - rows.min() + 1 <= 22 and columns.max() - columns.min() < 20
    places = torch.arange(28) + 0.5
    for axis in (0, 1):
        assert abs((seen.sum(1 - axis) * places).sum() / seen.sum() - 14) < 0.3


def test_strokes_become_the_pictures_that_python_makes(student, show):
    strokes = [[[0.3, 0.2], [0.7, 0.2], [0.4, 0.9]], [[0.2, 0.55], [0.6, 0.5]], [[0.9, 0.9]]]
    found = torch.tensor(show(student).evaluate("(strokes) => toMnist(strokes)", strokes))
    assert found.max() > 200
    assert (found - torch.tensor(to_mnist(strokes).flatten())).abs().max() <= 1


def test_a_finger_draws(student, show):
    page = show(student, has_touch=True, viewport={"width": 360, "height": 740})
    page.touchscreen.tap(*at(page, 0.5, 0.5))
    assert says(page).startswith("The student says")
    assert page.evaluate("document.documentElement.scrollWidth") <= 360


def test_keys_draw(student, show):
    page = show(student)
    page.locator("#paper").focus()
    page.keyboard.press(" ")
    for _ in range(10):
        page.keyboard.press("ArrowDown")
    assert says(page).startswith("The student says 1 ")
    page.keyboard.press(" ")
    answer = says(page)
    page.keyboard.press("ArrowRight")  # the pen is up: it moves, and nothing is drawn
    assert says(page) == answer
    page.keyboard.press("c")
    assert "Draw a digit" in says(page)


def test_examples_show_the_teacher_beside_the_student(student, show, digits):
    page = show(student)
    for place, label in enumerate(digits[1][:6].tolist()):
        page.locator("#examples button").nth(place).click()
        assert f"Its label is {label}." in says(page) and f"The teacher says {label} " in says(page)
        assert page.locator("#examples button[aria-pressed=true]").count() == 1
    draw_one(page)
    assert "teacher" not in says(page) and page.locator("#examples button[aria-pressed=true]").count() == 0


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 1440])
def test_it_fits_in_both_themes(theme, width, student, show):
    page = show(student, color_scheme=theme, viewport={"width": width, "height": 900})
    draw_one(page)
    page.locator("#examples button").nth(3).click()
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    lightness = page.evaluate("getComputedStyle(document.body).backgroundColor.match(/\\d+/g).map(Number)[0]")
    assert (lightness > 200) == (theme == "light")
    if PICTURES:
        page.screenshot(path=ARTIFACTS / f"student_page_{theme}_{width}.png", full_page=True)
