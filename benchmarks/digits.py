"""An epoch of the digits network: 784-256-64-10 with ReLU, batches of 128, SGD.

The pictures lie in memory as bytes. Every side draws an order, gathers and scales each batch,
and makes all 469 steps of the 60,000 pictures. The first epoch of a process is not counted: ours
is traced and compiled in it (the task `compile` measures that), the others warm up.
"""

import itertools
import statistics
import time
from collections.abc import Sequence
from functools import partial

import numpy as np

import rushlight as rl
from benchmarks.native import Watched, need_driven
from benchmarks.sides import TORCH, Figures, Measure, Task, check_loss, threads
from benchmarks.work import training_flop
from rushlight.data import Dataset, mnist
from rushlight.recipes._mnist import pixels

SIZES = (784, 256, 64, 10)
LAYERS = [inputs * outputs for inputs, outputs in itertools.pairwise(SIZES)]
PICTURES = 60_000
BATCH, RATE = 128, 0.05
EPOCHS = 3  # that count


def pictures(quick: bool) -> tuple[np.ndarray, np.ndarray]:
    """Return the training pictures (n, 784) and their labels (n,), both as bytes."""
    digits = mnist.load()
    count = 3 * BATCH - 32 if quick else PICTURES
    return digits.train_images[:count].reshape(-1, 784), digits.train_labels[:count]


def figures(ends: Sequence[float]) -> Figures:
    """Return the time of an epoch, from when each of them ended."""
    return {"epoch": statistics.median(np.diff(ends).tolist())}


def network() -> rl.nn.Sequential:
    return rl.nn.Sequential(
        rl.nn.Linear(784, 256, init="kaiming_normal"),
        rl.nn.ReLU(),
        rl.nn.Linear(256, 64, init="kaiming_normal"),
        rl.nn.ReLU(),
        rl.nn.Linear(64, 10, init="kaiming_normal"),
    )


def ours(quick: bool, compiled: bool, epochs: int = EPOCHS) -> Figures:
    rl.manual_seed(0)
    images, labels = pictures(quick)
    prepare = pixels((784,), 1 / 255)
    loader = Watched(Dataset(images, labels), BATCH, shuffle=True, prepare=prepare)
    model = network()
    ends: list[float] = []
    history = rl.fit(
        model,
        loader,
        loss=rl.nn.functional.cross_entropy,
        optimizer=rl.optim.SGD(model.parameters(), lr=RATE),
        epochs=1 + epochs,
        progress=False,
        compiled=compiled,
        on_epoch=lambda _: ends.append(time.perf_counter()),
    )
    if compiled:
        need_driven(loader)
    check_loss(history.last.loss, 0.5, quick)
    return figures(ends)


def pytorch(quick: bool, epochs: int = EPOCHS) -> Figures:
    import torch

    torch.set_num_threads(threads())
    torch.manual_seed(0)
    images, labels = (torch.from_numpy(array) for array in pictures(quick))
    labels = labels.long()
    model = torch.nn.Sequential(
        torch.nn.Linear(784, 256),
        torch.nn.ReLU(),
        torch.nn.Linear(256, 64),
        torch.nn.ReLU(),
        torch.nn.Linear(64, 10),
    )
    for layer in model[::2]:
        torch.nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
        torch.nn.init.zeros_(layer.bias)
    optimizer = torch.optim.SGD(model.parameters(), lr=RATE)
    ends = []
    for _ in range(1 + epochs):
        for rows in torch.randperm(len(images)).split(BATCH):
            x = images[rows].float().mul_(1 / 255)
            optimizer.zero_grad()
            loss = torch.nn.functional.cross_entropy(model(x), labels[rows])
            loss.backward()
            optimizer.step()
        ends.append(time.perf_counter())
    check_loss(loss.item(), 1.0, quick)
    return figures(ends)


class ByHand:
    """The network in NumPy, as one would write it for speed: nothing is allocated in a step."""

    def __init__(self) -> None:
        random = np.random.default_rng(0)
        pairs = list(itertools.pairwise(SIZES))
        self.weights = [
            random.standard_normal(pair, np.float32) * np.float32((2 / pair[0]) ** 0.5)
            for pair in pairs
        ]
        self.biases = [np.zeros(size, np.float32) for size in SIZES[1:]]
        self.changes = [np.empty(pair, np.float32) for pair in pairs]
        self.raw = np.empty((BATCH, SIZES[0]), np.uint8)
        self.values = [np.empty((BATCH, size), np.float32) for size in SIZES]
        self.errors = [np.empty((BATCH, size), np.float32) for size in SIZES]

    def step(self, images: np.ndarray, labels: np.ndarray, rows: np.ndarray) -> float:
        """Make a step on the pictures at `rows` and return their mean loss."""
        n = len(rows)
        raw = self.raw[:n]
        values = [buffer[:n] for buffer in self.values]
        errors = [buffer[:n] for buffer in self.errors]
        images.take(rows, axis=0, out=raw, mode="clip")  # the default mode copies once more
        np.multiply(raw, np.float32(1 / 255), out=values[0])
        last = len(self.weights) - 1
        for layer, (weight, bias) in enumerate(zip(self.weights, self.biases, strict=True)):
            out = values[layer + 1]
            np.matmul(values[layer], weight, out=out)
            out += bias
            if layer < last:
                np.maximum(out, 0, out=out)
        loss = self.cross_entropy(values[-1], labels[rows], errors[-1])
        for layer in range(last, -1, -1):
            weight, g, change = self.weights[layer], errors[layer + 1], self.changes[layer]
            if layer:
                np.matmul(g, weight.T, out=errors[layer])
                errors[layer] *= values[layer] > 0
            np.matmul(values[layer].T, g, out=change)
            change *= np.float32(RATE)
            weight -= change
            self.biases[layer] -= np.float32(RATE) * g.sum(0)
        return loss

    def cross_entropy(self, scores: np.ndarray, labels: np.ndarray, g: np.ndarray) -> float:
        """Return the mean loss, and write its gradient with respect to the scores into `g`."""
        n = len(labels)
        each = np.arange(n)
        scores -= scores.max(1, keepdims=True)
        np.exp(scores, out=g)
        totals = g.sum(1, keepdims=True)
        loss = float((np.log(totals[:, 0]) - scores[each, labels]).mean())
        g /= totals
        g[each, labels] -= 1
        g *= np.float32(1 / n)
        return loss


def by_hand(quick: bool, epochs: int = EPOCHS) -> Figures:
    images, labels = pictures(quick)
    network = ByHand()
    random = np.random.default_rng(0)
    ends = []
    for _ in range(1 + epochs):
        order = random.permutation(len(images))
        for start in range(0, len(order), BATCH):
            loss = network.step(images, labels, order[start : start + BATCH])
        ends.append(time.perf_counter())
    check_loss(loss, 1.0, quick)
    return figures(ends)


FLOP = PICTURES * training_flop(LAYERS)
ONE = f"{TORCH}, 1 thread"
TASK = Task(
    {
        "compiled": partial(ours, compiled=True),
        "compiled, 1 thread": partial(ours, compiled=True),
        "eager": partial(ours, compiled=False, epochs=1),
        TORCH: partial(pytorch, epochs=2),
        ONE: partial(pytorch, epochs=2),
        "NumPy": partial(by_hand, epochs=2),
    },
    (
        Measure("an epoch of 469 steps", "s", "epoch", "compiled", (TORCH, "NumPy"), FLOP),
        Measure("an epoch, 1 thread", "s", "epoch", "compiled, 1 thread", (ONE,), FLOP, threads=1),
        Measure("an epoch, op by op", "s", "epoch", "eager", (TORCH, "NumPy")),
    ),
    threads={"compiled, 1 thread": 1, ONE: 1},
    once=("eager",),
)
