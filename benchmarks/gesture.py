"""An epoch of the gestures' network: three convolutions over time, batches of 64 traces, Adam.

Every side draws an order, gathers each batch and makes all steps. The first epoch of a process is
not counted.
"""

import statistics
import time
from collections.abc import Sequence

import numpy as np

import rushlight as rl
from benchmarks.native import Watched, need_driven
from benchmarks.sides import TORCH, Figures, Measure, Task, check_loss, threads
from benchmarks.work import training_flop
from rushlight.data import Dataset, gestures
from rushlight.recipes import gesture

LAYERS = [62 * 16 * 3 * 5, 29 * 24 * 16 * 5, 13 * 32 * 24 * 5, 32 * len(gestures.GESTURES)]
WEARERS = 16
TRACES = WEARERS * 20 * len(gestures.GESTURES)
BATCH, RATE = 64, 0.006
EPOCHS = 10  # that count


def traces(quick: bool) -> Dataset:
    """Return traces (n, 3, 128) and their gestures (n,)."""
    return gestures.load(range(1 if quick else WEARERS), seed=0)


def figures(ends: Sequence[float]) -> Figures:
    """Return the milliseconds of an epoch, from when each of them ended."""
    return {"epoch": statistics.median(np.diff(ends).tolist()) * 1000}


def ours(quick: bool) -> Figures:
    rl.manual_seed(0)
    loader = Watched(traces(quick), BATCH, shuffle=True)
    model = gesture.build()
    ends: list[float] = []
    history = rl.fit(
        model,
        loader,
        loss=rl.nn.functional.cross_entropy,
        optimizer=rl.optim.Adam(model.parameters(), lr=RATE),
        epochs=1 + EPOCHS,
        progress=False,
        on_epoch=lambda _: ends.append(time.perf_counter()),
    )
    need_driven(loader)
    check_loss(history.last.loss, 0.5, quick)
    return figures(ends)


def pytorch(quick: bool) -> Figures:
    import torch

    torch.set_num_threads(threads())
    torch.manual_seed(0)
    x, labels = (torch.from_numpy(np.ascontiguousarray(array)) for array in traces(quick).arrays)
    labels = labels.long()
    model = torch.nn.Sequential(
        torch.nn.Conv1d(3, 16, 5, stride=2),
        torch.nn.ReLU(),
        torch.nn.Conv1d(16, 24, 5, stride=2),
        torch.nn.ReLU(),
        torch.nn.Conv1d(24, 32, 5, stride=2),
        torch.nn.ReLU(),
        torch.nn.MaxPool1d(13),
        torch.nn.Flatten(),
        torch.nn.Linear(32, len(gestures.GESTURES)),
    )
    optimizer = torch.optim.Adam(model.parameters(), lr=RATE)
    ends = []
    for _ in range(1 + EPOCHS):
        for rows in torch.randperm(len(x)).split(BATCH):
            optimizer.zero_grad()
            loss = torch.nn.functional.cross_entropy(model(x[rows]), labels[rows])
            loss.backward()
            optimizer.step()
        ends.append(time.perf_counter())
    check_loss(loss.item(), 1.0, quick)
    return figures(ends)


TASK = Task(
    {"compiled": ours, TORCH: pytorch},
    (
        Measure(
            f"an epoch of {TRACES:,} traces",
            "ms",
            "epoch",
            "compiled",
            (TORCH,),
            TRACES * training_flop(LAYERS),
        ),
    ),
)
