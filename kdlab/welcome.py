"""The first panel of the course: it stands there at once, and what takes time is done when the reader asks for it."""

CHOSEN = [2618, 1, 4, 115, 247, 266, 340, 445, 582, 4360, 1393, 2024]  # of the test images: sure ones and doubtful ones


def first_look():
    """The whole of distillation in one panel: the shipped teacher, and a fresh student that learns when Start is pressed.

    The student 784-300-300-10 learns 300 steps from the first 5000 training digits, at T = 4 with alpha = 0.1.
    """
    import torch

    import kdlab
    from kdlab import data, models, teachers, training, widgets

    kdlab.setup()
    mnist, teacher = data.load_mnist(), teachers.load_mnist_teacher()

    def lesson():
        inputs = models.to_inputs(mnist.train_images[:5000])
        return inputs, torch.from_numpy(mnist.train_labels[:5000]), teachers.predict_logits(teacher, inputs)

    panel = widgets.DiagramPanel(
        models.MLP(784, 300, 300, 10), teacher, mnist.test_images[CHOSEN], mnist.test_labels[CHOSEN], train=lesson,
        recipe=training.Recipe(steps=300, learning_rate=5e-3), sliders=["temperature"], formulas=False,
    )  # fmt: skip
    panel.selected = 3  # a 4 that leans like a 9
    return panel
