"""Steps of the convolutional digits network: batches of 256, forward, backward, Adam.

Two convolutions of 5x5 with 32 and 64 channels, each with max-pooling; 1,024 units with ReLU and
dropout; 10 scores.
"""

import time

import numpy as np

import rushlight as rl
from benchmarks.sides import THREADS, TORCH, Figures, Measure, Task
from rushlight.data import mnist
from rushlight.recipes import digits_cnn

BATCH, RATE = 256, 1e-4


def sizes(quick: bool) -> tuple[int, int, int]:
    """Return the pictures in a batch, the steps that are not timed, and those that are."""
    return (8, 1, 1) if quick else (BATCH, 2, 10)


def pictures(count: int, batch: int) -> tuple[np.ndarray, np.ndarray]:
    """Return batches of pictures (count, batch, 1, 28, 28), and their labels (count, batch)."""
    digits = mnist.load()
    images = digits.train_images[: count * batch].reshape(count, batch, 1, 28, 28)
    labels = digits.train_labels[: count * batch].reshape(count, batch)
    return images * np.float32(1 / 255), labels


def ours(quick: bool) -> Figures:
    rl.manual_seed(0)
    batch, untimed, timed = sizes(quick)
    images, labels = pictures(untimed + timed, batch)
    model = digits_cnn.build()
    optimizer = rl.optim.Adam(model.parameters(), lr=RATE)
    for number, (x, y) in enumerate(zip(images, labels, strict=True)):
        if number == untimed:
            started = time.perf_counter()
        loss = rl.nn.functional.cross_entropy(model(rl.tensor(x)), rl.tensor(y))
        optimizer.backward_step(loss)
    return {"step": (time.perf_counter() - started) / timed * 1000}


def pytorch(quick: bool) -> Figures:
    import torch

    torch.set_num_threads(THREADS)
    torch.manual_seed(0)
    batch, untimed, timed = sizes(quick)
    images, labels = pictures(untimed + timed, batch)
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
    )
    optimizer = torch.optim.Adam(model.parameters(), lr=RATE)
    for number, (x, y) in enumerate(zip(images, labels, strict=True)):
        if number == untimed:
            started = time.perf_counter()
        optimizer.zero_grad()
        scores = model(torch.from_numpy(x))
        torch.nn.functional.cross_entropy(scores, torch.from_numpy(y).long()).backward()
        optimizer.step()
    return {"step": (time.perf_counter() - started) / timed * 1000}


TASK = Task(
    {"ours": ours, TORCH: pytorch},
    (Measure("a step of 256 pictures", "ms", "step", "ours", (TORCH,)),),
)
