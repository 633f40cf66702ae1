"""Steps of the convolutional digits network: batches of 256, forward, backward, Adam.

Two convolutions of 5x5 with 32 and 64 channels, each with max-pooling; 1,024 units with ReLU and
dropout; 10 scores. Every side is given its batches ready to use.
"""

import statistics
import time
from collections.abc import Callable, Sequence
from functools import partial

import numpy as np

import rushlight as rl
from benchmarks.native import need_native
from benchmarks.sides import TORCH, Figures, Measure, Task, check_loss, threads
from benchmarks.work import training_flop
from rushlight.data import mnist
from rushlight.recipes import digits_cnn
from rushlight.train.step import make_step

LAYERS = [24 * 24 * 32 * 5 * 5, 8 * 8 * 64 * 32 * 5 * 5, 1024 * 1024, 1024 * 10]
BATCH, RATE = 256, 1e-4
STEPS = 24  # that count


def batches(quick: bool) -> list[tuple[np.ndarray, np.ndarray]]:
    """Return batches of pictures (batch, 1, 28, 28) and labels (batch,)."""
    count, batch = (2, 8) if quick else (6, BATCH)
    digits = mnist.load()
    images = digits.train_images[: count * batch].reshape(count, batch, 1, 28, 28)
    labels = digits.train_labels[: count * batch].reshape(count, batch).astype(np.int64)
    return list(zip(images * np.float32(1 / 255), labels, strict=True))


def figures(step: Callable[[tuple], object], ready: Sequence[tuple], steps: int) -> Figures:
    """Return the milliseconds of a step: the median, of which the first two do not count."""
    times = []
    for number in range(2 + steps):
        batch = ready[number % len(ready)]
        started = time.perf_counter()
        step(batch)
        times.append(time.perf_counter() - started)
    return {"step": statistics.median(times[2:]) * 1000}


def ours(quick: bool, compiled: bool, steps: int = STEPS) -> Figures:
    rl.manual_seed(0)
    ready = [(rl.tensor(x), rl.tensor(y)) for x, y in batches(quick)]
    model = digits_cnn.build()
    optimizer = rl.optim.Adam(model.parameters(), lr=RATE)
    step = make_step(model, rl.nn.functional.cross_entropy, optimizer)
    if compiled:
        step = rl.compile(step)
    found = figures(lambda batch: step(*batch), ready, 2 if quick else steps)
    if compiled:
        need_native(step)
    loss, _ = step(*ready[0])
    check_loss(loss.item(), 2.25, quick)
    return found


def pytorch(quick: bool, channels_last: bool) -> Figures:
    import torch

    torch.set_num_threads(threads())
    torch.manual_seed(0)
    layout = torch.channels_last if channels_last else torch.contiguous_format
    model = torch.nn.Sequential(
        torch.nn.Conv2d(1, 32, 5),
        torch.nn.MaxPool2d(2),
        torch.nn.Conv2d(32, 64, 5),
        torch.nn.MaxPool2d(2),
        torch.nn.Flatten(),
        torch.nn.Linear(1024, 1024),
        torch.nn.ReLU(),
        torch.nn.Dropout(0.5),
        torch.nn.Linear(1024, 10),
    ).to(memory_format=layout)
    optimizer = torch.optim.Adam(model.parameters(), lr=RATE)
    ready = [
        (torch.from_numpy(x).contiguous(memory_format=layout), torch.from_numpy(y))
        for x, y in batches(quick)
    ]

    def step(batch: tuple) -> float:
        optimizer.zero_grad()
        loss = torch.nn.functional.cross_entropy(model(batch[0]), batch[1])
        loss.backward()
        optimizer.step()
        return loss.item()

    found = figures(step, ready, 2 if quick else STEPS)
    check_loss(step(ready[0]), 2.25, quick)
    return found


LAST = f"{TORCH}, channels last"
NAME = "a step of 256 pictures"
TASK = Task(
    {
        "compiled": partial(ours, compiled=True),
        "eager": partial(ours, compiled=False, steps=4),
        TORCH: partial(pytorch, channels_last=False),
        LAST: partial(pytorch, channels_last=True),
    },
    (
        Measure(NAME, "ms", "step", "compiled", (TORCH, LAST), BATCH * training_flop(LAYERS)),
        Measure(f"{NAME}, op by op", "ms", "step", "eager", (TORCH, LAST)),
    ),
    once=("eager",),
)
