"""Handwritten digits by one hidden layer and full batches: 199 careful steps of Adam.

One step an epoch is little: with `--batch-size 128` the same network sees the same pictures as
often, takes 391 steps an epoch, and is far ahead after the first.
"""

from typing import Annotated, Any

import rushlight as rl
from rushlight.data import mnist
from rushlight.recipes import Run, facts_of
from rushlight.recipes._mnist import batches, digit_task

SCALE = 1 / 256


def train(
    epochs: Annotated[int, "how often each picture is seen"] = 199,
    seed: Annotated[int, "of the first weights and the order"] = 0,
    batch_size: Annotated[int, "pictures a step"] = 50_000,
    **options: Any,
) -> Run:
    """Train on 50,000 pictures, validate on 10,000, test on the other 10,000."""
    rl.manual_seed(seed)
    digits = mnist.load()
    images, labels = digits.train_images, digits.train_labels
    model = rl.nn.Sequential(
        rl.nn.Linear(784, 128, init="kaiming_normal"),
        rl.nn.ReLU(),
        rl.nn.Linear(128, 10, init="kaiming_normal"),
    )
    shuffle = batch_size < 50_000
    history = rl.fit(
        model,
        batches(
            images[:50_000], labels[:50_000], batch_size, scale=SCALE, shuffle=shuffle, seed=seed
        ),
        loss=rl.nn.functional.cross_entropy,
        optimizer=rl.optim.Adam(model.parameters(), lr=1e-4),
        epochs=epochs,
        validation=batches(images[50_000:], labels[50_000:], 10_000, scale=SCALE),
        **options,
    )
    test = batches(digits.test_images, digits.test_labels, 10_000, scale=SCALE)
    loss, accuracy = rl.evaluate(model, test, rl.nn.functional.cross_entropy)
    facts = facts_of(history, seed=seed, test_loss=loss, test_accuracy=accuracy)
    return Run(model, digit_task(scale=SCALE), facts)
