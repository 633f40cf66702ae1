"""An epoch of the digits network: 784-256-64-10 with ReLU, batches of 128, SGD.

The pictures lie in memory as bytes. Every side draws an order, gathers and scales each batch,
and makes all 469 steps of the 60,000 pictures.
"""

import itertools
import time

import numpy as np

import rushlight as rl
from benchmarks.sides import THREADS, TORCH, Figures, Measure, Task, check_loss
from rushlight.data import DataLoader, Dataset, mnist
from rushlight.train.step import make_step

SIZES = (784, 256, 64, 10)
BATCH, RATE = 128, 0.05


def pictures(quick: bool) -> tuple[np.ndarray, np.ndarray]:
    """Return the training pictures (n, 784) and their labels (n,), both as bytes."""
    digits = mnist.load()
    count = 3 * BATCH - 32 if quick else 60_000
    return digits.train_images[:count].reshape(-1, 784), digits.train_labels[:count]


def network() -> rl.nn.Sequential:
    return rl.nn.Sequential(
        rl.nn.Linear(784, 256, init="kaiming_normal"),
        rl.nn.ReLU(),
        rl.nn.Linear(256, 64, init="kaiming_normal"),
        rl.nn.ReLU(),
        rl.nn.Linear(64, 10, init="kaiming_normal"),
    )


def ours(quick: bool, compiled: bool) -> Figures:
    rl.manual_seed(0)
    images, labels = pictures(quick)
    model = network()
    step = make_step(
        model, rl.nn.functional.cross_entropy, rl.optim.SGD(model.parameters(), lr=RATE)
    )
    if compiled:
        step = rl.compile(step)
    scale = np.float32(1 / 255)
    loader = DataLoader(
        Dataset(images, labels), BATCH, shuffle=True, transform=lambda x, y: (x * scale, y)
    )
    started = time.perf_counter()
    for batch in loader:
        loss, _ = step(*batch)
    seconds = time.perf_counter() - started
    check_loss(loss.item(), 1.0, quick)
    return {"epoch": seconds}


def eager(quick: bool) -> Figures:
    return ours(quick, compiled=False)


def compiled(quick: bool) -> Figures:
    return ours(quick, compiled=True)


def pytorch(quick: bool) -> Figures:
    import torch

    torch.set_num_threads(THREADS)
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
    started = time.perf_counter()
    for rows in torch.randperm(len(images)).split(BATCH):
        x = images[rows].float().mul_(1 / 255)
        optimizer.zero_grad()
        loss = torch.nn.functional.cross_entropy(model(x), labels[rows])
        loss.backward()
        optimizer.step()
    seconds = time.perf_counter() - started
    check_loss(loss.item(), 1.0, quick)
    return {"epoch": seconds}


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


def by_hand(quick: bool) -> Figures:
    images, labels = pictures(quick)
    network = ByHand()
    started = time.perf_counter()
    order = np.random.default_rng(0).permutation(len(images))
    for start in range(0, len(order), BATCH):
        loss = network.step(images, labels, order[start : start + BATCH])
    seconds = time.perf_counter() - started
    check_loss(loss, 1.0, quick)
    return {"epoch": seconds}


TASK = Task(
    {"eager": eager, "compiled": compiled, TORCH: pytorch, "NumPy": by_hand},
    (
        Measure("an epoch of 469 steps, op by op", "s", "epoch", "eager", (TORCH, "NumPy")),
        Measure("an epoch of 469 steps, rl.compile", "s", "epoch", "compiled", (TORCH, "NumPy")),
    ),
)
