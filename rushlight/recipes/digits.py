"""Handwritten digits: a network of three dense layers on MNIST.

784 pixels, 256 and 64 hidden units, 10 scores; batches of 128 out of all 60,000 pictures.
"""

from typing import Annotated, Any

import rushlight as rl
from rushlight.data import mnist
from rushlight.recipes import Run, facts_of
from rushlight.recipes._mnist import batches, digit_task


def build(activation: str) -> rl.nn.Network:
    """Return the network: ReLU wants He's initial weights, the sigmoid Glorot's."""
    if activation == "relu":
        network = rl.nn.build().input(784)
        network = network.linear(256, init="kaiming_normal").relu()
        network = network.linear(64, init="kaiming_normal").relu()
        return network.linear(10, init="kaiming_normal").softmax_cross_entropy()
    network = rl.nn.build().input(784)
    network = network.linear(256, init="xavier_normal").sigmoid()
    network = network.linear(64, init="xavier_normal").sigmoid()
    return network.linear(10, init="xavier_normal").softmax_cross_entropy()


def train(
    epochs: Annotated[int, "how often each picture is seen"] = 15,
    seed: Annotated[int, "of the first weights and the order"] = 0,
    activation: Annotated[str, "between the layers", ("relu", "sigmoid")] = "relu",
    batch_size: Annotated[int, "pictures a step"] = 128,
    **options: Any,
) -> Run:
    """Train on the 60,000 training pictures, then count what it gets right of the 10,000 others."""
    rl.manual_seed(seed)
    digits = mnist.load()
    model = build(activation)
    learning_rate = {"relu": 0.05, "sigmoid": 0.2}[activation]
    history = rl.fit(
        model,
        batches(digits.train_images, digits.train_labels, batch_size, shuffle=True, seed=seed),
        loss=model.loss,
        optimizer=rl.optim.SGD(model.parameters(), lr=learning_rate),
        epochs=epochs,
        **options,
    )
    test = batches(digits.test_images, digits.test_labels, 1000)
    loss, accuracy = rl.evaluate(model, test, model.loss)
    facts = facts_of(history, seed=seed, test_loss=loss, test_accuracy=accuracy)
    return Run(model, digit_task(), facts)
