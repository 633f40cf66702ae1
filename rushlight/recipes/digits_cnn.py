"""Handwritten digits by a convolutional network: windows that slide over the picture.

Two convolutions of 5x5, each followed by a pooling that keeps the largest of 2x2, then 1,024
units of which half are dropped in training, then 10 scores.
"""

from typing import Annotated, Any

import rushlight as rl
from rushlight.data import mnist
from rushlight.recipes import Run, facts_of
from rushlight.recipes._mnist import batches, digit_task

SHAPE = (1, 28, 28)


def build() -> rl.nn.Sequential:
    """Return the network: pictures (n, 1, 28, 28) to scores (n, 10)."""
    return rl.nn.Sequential(
        rl.nn.Conv2d(1, 32, 5),  # (n, 32, 24, 24)
        rl.nn.MaxPool2d(2),  # (n, 32, 12, 12)
        rl.nn.Conv2d(32, 64, 5),  # (n, 64, 8, 8)
        rl.nn.MaxPool2d(2),  # (n, 64, 4, 4)
        rl.nn.Flatten(),  # (n, 1024)
        rl.nn.Linear(1024, 1024),
        rl.nn.ReLU(),
        rl.nn.Dropout(0.5),
        rl.nn.Linear(1024, 10),
    )


def train(
    epochs: Annotated[int, "how often each picture is seen"] = 2,
    seed: Annotated[int, "of the first weights, the order and the dropout"] = 0,
    images: Annotated[int, "how many training pictures to use, at most 60,000"] = 60_000,
    **options: Any,
) -> Run:
    """Train with batches of 256, then count what it gets right of the 10,000 test pictures."""
    rl.manual_seed(seed)
    digits = mnist.load()
    model = build()
    chosen, labels = digits.train_images[:images], digits.train_labels[:images]
    history = rl.fit(
        model,
        batches(chosen, labels, 256, shape=SHAPE, shuffle=True, seed=seed),
        loss=rl.nn.functional.cross_entropy,
        optimizer=rl.optim.Adam(model.parameters(), lr=1e-4),
        epochs=epochs,
        **options,
    )
    test = batches(digits.test_images, digits.test_labels, 250, shape=SHAPE)
    loss, accuracy = rl.evaluate(model, test, rl.nn.functional.cross_entropy)
    facts = facts_of(history, seed=seed, test_loss=loss, test_accuracy=accuracy)
    return Run(model, digit_task(SHAPE), facts)
