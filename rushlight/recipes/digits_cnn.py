"""Handwritten digits by a convolutional network: windows that slide over the picture.

Two convolutions of 5x5, each followed by a pooling that keeps the largest of 2x2, then 1,024
units of which half are dropped in training, then 10 scores. All 60,000 pictures and steps that
shorten towards the end; or with `--small` 10,000 pictures, drawn at random batch by batch.
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
    epochs: Annotated[int | None, "how long (default: 8 passes; with --small 49 of 38)"] = None,
    seed: Annotated[int, "of the first weights, the order and the dropout"] = 0,
    small: Annotated[bool, "10,000 pictures; the next 1,000 validate each epoch"] = False,
    **options: Any,
) -> Run:
    """Train with batches of 256, then count what it gets right of the 10,000 test pictures."""
    rl.manual_seed(seed)
    digits = mnist.load()
    images, labels = digits.train_images, digits.train_labels
    model = build()
    if small:
        drawn = {"replacement": True, "batches": 38}
        data = batches(images[:10_000], labels[:10_000], 256, shape=SHAPE, seed=seed, **drawn)
        validation = batches(images[10_000:11_000], labels[10_000:11_000], 250, shape=SHAPE)
        optimizer = rl.optim.Adam(model.parameters(), lr=1e-4)
        schedule = None
    else:
        data = batches(images, labels, 256, shape=SHAPE, shuffle=True, seed=seed)
        validation = None
        optimizer = rl.optim.Adam(model.parameters(), lr=1e-3)
        schedule = rl.optim.CosineLR(optimizer, (epochs or 8) * len(data))
    history = rl.fit(
        model,
        data,
        loss=rl.nn.functional.cross_entropy,
        optimizer=optimizer,
        schedule=schedule,
        epochs=epochs or (49 if small else 8),
        validation=validation,
        **options,
    )
    test = batches(digits.test_images, digits.test_labels, 250, shape=SHAPE)
    loss, accuracy = rl.evaluate(model, test, rl.nn.functional.cross_entropy)
    facts = facts_of(history, seed=seed, test_loss=loss, test_accuracy=accuracy)
    return Run(model, digit_task(SHAPE), facts)
