"""Steps of a character LSTM on tinyshakespeare: 32 pieces of 64 characters, with Adam.

Each character is a vector of 64 numbers, one LSTM of 256 reads them, and a linear layer says which
of 65 characters comes next. Every side is given the same pieces, in the same order; what it says
after 1,000 steps is compared too.
"""

import math
import statistics
import time
from collections.abc import Callable
from functools import partial

import numpy as np

import rushlight as rl
from benchmarks.native import need_native
from benchmarks.sides import TORCH, Figures, Measure, Task, check_loss, threads
from rushlight.data import shakespeare
from rushlight.train.step import make_step

WIDTH, HIDDEN, BATCH, LENGTH = 64, 256, 32, 64
RATE = 1e-3
STEPS, TRAINED = 100, 1000
LAST = 100  # steps of which the mean loss is told

Pieces = tuple[np.ndarray, np.ndarray]


def pieces(quick: bool, steps: int) -> tuple[list[Pieces], int]:
    """Return batches of characters and of those that follow, int64 each, and how many there are."""
    text = shakespeare.load()
    known, ids = np.unique(np.frombuffer(text.encode("ascii"), np.uint8), return_inverse=True)
    ids = ids[: len(ids) * 9 // 10].astype(np.int64)
    batch, length = (2, 4) if quick else (BATCH, LENGTH)
    starts = np.random.default_rng(0).integers(0, len(ids) - length, (steps, batch, 1))
    windows = ids[starts + np.arange(length + 1)]
    return [(window[:, :-1], window[:, 1:]) for window in windows], len(known)


def figures(step: Callable[[int], float], steps: int) -> Figures:
    """Return the milliseconds of a step, the median, and the mean loss of the last ones."""
    times, losses = [], []
    for number in range(steps):
        started = time.perf_counter()
        losses.append(step(number))
        times.append(time.perf_counter() - started)
    return {
        "step": statistics.median(times[1:]) * 1000,  # the first compiles
        "loss": statistics.mean(losses[-LAST:]),
    }


class Characters(rl.nn.Module):
    def __init__(self, count: int, width: int, hidden: int) -> None:
        self.vectors = rl.nn.Embedding(count, width)
        self.memory = rl.nn.LSTM(width, hidden)
        self.scores = rl.nn.Linear(hidden, count)

    def forward(self, ids: rl.Tensor) -> rl.Tensor:
        return self.scores(self.memory(self.vectors(ids))[0])


def ours(quick: bool, compiled: bool = True, steps: int = STEPS) -> Figures:
    rl.manual_seed(0)
    batches, count = pieces(quick, steps := 3 if quick else steps)
    ready = [(rl.tensor(x), rl.tensor(y)) for x, y in batches]
    model = Characters(count, *((4, 5) if quick else (WIDTH, HIDDEN)))
    optimizer = rl.optim.Adam(model.parameters(), lr=RATE)
    step = make_step(model, rl.nn.functional.cross_entropy, optimizer)
    if compiled:
        step = rl.compile(step)
    found = figures(lambda number: step(*ready[number])[0].item(), steps)
    if compiled:
        need_native(step)
    check_loss(found["loss"], math.log(count), quick)  # what guessing gives
    return found


def pytorch(quick: bool, compiled: bool = False, steps: int = STEPS) -> Figures:
    import torch

    torch.set_num_threads(threads())
    torch.manual_seed(0)
    batches, count = pieces(quick, steps := 3 if quick else steps)
    ready = [(torch.from_numpy(x.copy()), torch.from_numpy(y.copy())) for x, y in batches]
    width, hidden = (4, 5) if quick else (WIDTH, HIDDEN)

    class Theirs(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.vectors = torch.nn.Embedding(count, width)
            self.memory = torch.nn.LSTM(width, hidden, batch_first=True)
            self.scores = torch.nn.Linear(hidden, count)

        def forward(self, ids: torch.Tensor) -> torch.Tensor:
            return self.scores(self.memory(self.vectors(ids))[0])

    model = Theirs()
    optimizer = torch.optim.Adam(model.parameters(), lr=RATE)
    forward = torch.compile(model) if compiled else model

    def step(number: int) -> float:
        x, y = ready[number]
        optimizer.zero_grad()
        loss = torch.nn.functional.cross_entropy(forward(x).flatten(0, 1), y.flatten())
        loss.backward()
        optimizer.step()
        return loss.item()

    return figures(step, steps)


COMPILED = f"{TORCH}, compiled"
AFTER, THEIRS_AFTER = "trained", f"{TORCH}, trained"
NAME = f"a step of {BATCH} times {LENGTH} characters"
# one multiply-add a weight and character, and twice as many for the gradients
FLOP = 6 * BATCH * LENGTH * (4 * HIDDEN * (WIDTH + HIDDEN) + HIDDEN * 65)
TASK = Task(
    {
        "compiled": ours,
        "eager": partial(ours, compiled=False, steps=6),
        TORCH: pytorch,
        COMPILED: partial(pytorch, compiled=True),
        AFTER: partial(ours, steps=TRAINED),
        THEIRS_AFTER: partial(pytorch, steps=TRAINED),
    },
    (
        Measure(NAME, "ms", "step", "compiled", (TORCH, COMPILED), FLOP),
        Measure(f"{NAME}, op by op", "ms", "step", "eager", (TORCH, COMPILED)),
        Measure("loss after 1,000 steps", "nats", "loss", AFTER, (THEIRS_AFTER,)),
    ),
    once=("eager", AFTER, THEIRS_AFTER),
)
