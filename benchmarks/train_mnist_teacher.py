"""Train the MNIST teacher that comes with the course and write data/mnist_teacher.safetensors (half precision).

    python benchmarks/train_mnist_teacher.py

A network 784-1200-1200-10 with dropout, every image moved by up to 2 pixels each way anew at every step, trained on
the first 50 000 training images only: the last 10 000 are everybody's validation set. About 12 minutes on one core.
The recipe was chosen on that validation set against one other (SGD with input dropout and a bound on each unit's
weights, 50 epochs: 116 errors); the test errors are printed once, at the end, and chose nothing.
"""

import hashlib

import torch
from safetensors.torch import save
from tqdm import tqdm

import kdlab.data
from kdlab.data import load_mnist
from kdlab.metrics import errors
from kdlab.models import MLP, to_inputs
from kdlab.teachers import MNIST_TEACHER, predict_logits
from kdlab.training import Recipe, train

EPOCHS = 70
RECIPE = Recipe(steps=EPOCHS * (50_000 // 128), batch_size=128, learning_rate=1e-3, seed=0)


def main():
    torch.set_num_threads(1)
    mnist = load_mnist()
    inputs, labels = to_inputs(mnist.train_images), torch.from_numpy(mnist.train_labels)
    test_inputs, test_labels = to_inputs(mnist.test_images), torch.from_numpy(mnist.test_labels)

    teacher = MLP(784, 1200, 1200, 10, dropout=0.5, seed=0)

    def evaluate(model):
        return {"errors": errors(predict_logits(model, inputs[50_000:]), labels[50_000:])}

    run = train(
        teacher, inputs[:50_000], labels[:50_000], recipe=RECIPE, jitter=2, evaluate=evaluate, evaluate_every=1950
    )
    for record in tqdm(run, total=RECIPE.steps, mininterval=10):
        if "errors" in record:
            tqdm.write(f"step {record['step']}: loss {record['loss']:.4f}, validation errors {record['errors']}")

    half = {name: tensor.half() for name, tensor in teacher.state_dict().items()}
    teacher.load_state_dict({name: tensor.float() for name, tensor in half.items()})  # what readers will load
    validation_errors = errors(predict_logits(teacher, inputs[50_000:]), labels[50_000:])
    test_errors = errors(predict_logits(teacher, test_inputs), test_labels)
    content = save(half)
    (kdlab.data.DATA / MNIST_TEACHER).write_bytes(content)
    print(f"{RECIPE}\nvalidation errors {validation_errors}, test errors {test_errors}, of 10 000 each")
    print(f"{hashlib.sha256(content).hexdigest()}  {MNIST_TEACHER}")
    print("Put this line in data/SHA256SUMS; other versions of PyTorch or another processor give other last digits.")


if __name__ == "__main__":
    main()
