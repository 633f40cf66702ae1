"""Handwritten digits by one linear layer: full batches, until the loss hardly falls.

The weights begin at zero, so there is nothing random in it: it always ends at the same epoch
with the same accuracy.
"""

from typing import Annotated, Any

import rushlight as rl
from rushlight.data import mnist
from rushlight.recipes import Run, facts_of
from rushlight.recipes._mnist import batches, digit_task

SCALE = 1 / 256


def train(
    epochs: Annotated[int, "the most that it takes"] = 199,
    seed: Annotated[int, "changes nothing here"] = 0,
    **options: Any,
) -> Run:
    """Train on 50,000 pictures, validate on 10,000, test on the other 10,000."""
    digits = mnist.load()
    images, labels = digits.train_images, digits.train_labels
    model = rl.nn.Sequential(rl.nn.Linear(784, 10), rl.nn.LogSoftmax())
    for parameter in model.parameters():
        parameter.assign(rl.zeros_like(parameter))

    def hardly_falls(history: rl.History) -> bool:
        losses = [epoch.loss for epoch in history.epochs[-2:]]
        return len(losses) == 2 and abs(losses[0] - losses[1]) < 0.001

    history = rl.fit(
        model,
        batches(images[:50_000], labels[:50_000], 50_000, scale=SCALE),
        loss=rl.nn.functional.nll_loss,
        optimizer=rl.optim.SGD(model.parameters(), lr=1.0),
        epochs=epochs,
        validation=batches(images[50_000:], labels[50_000:], 10_000, scale=SCALE),
        on_epoch=hardly_falls,
        **options,
    )
    test = batches(digits.test_images, digits.test_labels, 10_000, scale=SCALE)
    loss, accuracy = rl.evaluate(model, test, rl.nn.functional.nll_loss)
    facts = facts_of(history, seed=seed, test_loss=loss, test_accuracy=accuracy)
    return Run(model, digit_task(scale=SCALE), facts)
