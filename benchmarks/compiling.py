"""How long a training step takes to be traced, made into C and compiled; and found in the cache.

Measured in new processes, from after the imports to the end of the first step, the making of the
network among it; the time of a later step is taken off. Cold is with an empty cache folder.
"""

import os
import statistics
import subprocess
import sys
import tempfile
import time
from functools import partial

import numpy as np

import rushlight as rl
from benchmarks import digits, digits_cnn, shakespeare
from benchmarks.native import need_native
from benchmarks.sides import ROOT, TORCH, Figures, Measure, Task, threads
from rushlight.core.config import CACHE_DIR
from rushlight.recipes import digits_cnn as recipe
from rushlight.train.step import Step, make_step

IMPORTED = rl.compile, rl.optim, rl.nn, rl.tensor  # they are imported when first used


def mlp(quick: bool) -> None:
    """Print the milliseconds of the digits step."""
    started = time.perf_counter()
    model = digits.network()
    optimizer = rl.optim.SGD(model.parameters(), lr=digits.RATE)
    x = np.zeros((8 if quick else digits.BATCH, 784), np.float32)
    step = make_step(model, rl.nn.functional.cross_entropy, optimizer)
    print(first_step(step, x, np.zeros(len(x), np.int64), started))


def cnn(quick: bool) -> None:
    """Print the milliseconds of the step of the convolutional network."""
    started = time.perf_counter()
    model = recipe.build()
    optimizer = rl.optim.Adam(model.parameters(), lr=digits_cnn.RATE)
    x = np.zeros((8 if quick else digits_cnn.BATCH, 1, 28, 28), np.float32)
    step = make_step(model, rl.nn.functional.cross_entropy, optimizer)
    print(first_step(step, x, np.zeros(len(x), np.int64), started))


def gpt(quick: bool) -> None:
    """Print the milliseconds of the step of the small GPT."""
    started = time.perf_counter()
    model, optimizer = shakespeare.network()
    x = np.zeros((2 if quick else shakespeare.BATCH, shakespeare.BLOCK), np.int64)
    print(first_step(make_step(model, None, optimizer, clip_norm=1.0), x, x, started))


def first_step(step: Step, x: np.ndarray, labels: np.ndarray, started: float) -> float:
    """Return the milliseconds from the start to the end of the first step, less those of a step."""
    compiled = rl.compile(step)
    batch = rl.tensor(x), rl.tensor(labels)
    times = []
    for _ in range(6):
        compiled(*batch)
        times.append(time.perf_counter() - started)
    need_native(compiled)
    return (times[0] - statistics.median(np.diff(times).tolist())) * 1000


def ours(quick: bool) -> Figures:
    figures = {}
    for name in ("mlp", "cnn", "gpt"):
        with tempfile.TemporaryDirectory() as folder:
            program = f"from benchmarks import compiling; compiling.{name}({quick})"
            run = partial(milliseconds, program, {CACHE_DIR: folder})
            figures[f"{name} cold"] = run()
            figures[f"{name} cached"] = statistics.median(run() for _ in range(1 if quick else 3))
    return figures


def milliseconds(program: str, variables: dict[str, str]) -> float:
    """Return what a new process prints last."""
    command = [sys.executable, "-c", program]
    done = subprocess.run(
        command, cwd=ROOT, env=os.environ | variables, stdout=subprocess.PIPE, text=True, check=True
    )
    return float(done.stdout.split()[-1])


def torch_step(quick: bool) -> None:
    """Print the milliseconds of the digits step by torch.compile."""
    import torch

    torch.set_num_threads(threads())
    started = time.perf_counter()
    model = torch.nn.Sequential(
        torch.nn.Linear(784, 256),
        torch.nn.ReLU(),
        torch.nn.Linear(256, 64),
        torch.nn.ReLU(),
        torch.nn.Linear(64, 10),
    )
    optimizer = torch.optim.SGD(model.parameters(), lr=digits.RATE)
    x, labels = torch.zeros(digits.BATCH, 784), torch.zeros(digits.BATCH, dtype=torch.long)
    backend = "eager" if quick else "inductor"
    loss = torch.compile(
        lambda x, labels: torch.nn.functional.cross_entropy(model(x), labels), backend=backend
    )
    times = []
    for _ in range(6):
        optimizer.zero_grad()
        loss(x, labels).backward()
        optimizer.step()
        times.append(time.perf_counter() - started)
    print((times[0] - statistics.median(np.diff(times).tolist())) * 1000)


def pytorch(quick: bool) -> Figures:
    program = f"from benchmarks import compiling; compiling.torch_step({quick})"
    with tempfile.TemporaryDirectory() as folder:
        variables = {"TORCHINDUCTOR_CACHE_DIR": folder}
        cold = milliseconds(program, variables)
        return {"mlp cold": cold, "mlp cached": milliseconds(program, variables)}


RIVAL = f"{TORCH}, torch.compile"
TASK = Task(
    {"ours": ours, RIVAL: pytorch},
    (
        Measure("digits step, cold", "ms", "mlp cold", "ours", (RIVAL,)),
        Measure("digits step, cached", "ms", "mlp cached", "ours", (RIVAL,)),
        Measure("digits-cnn step, cold", "ms", "cnn cold", "ours"),
        Measure("digits-cnn step, cached", "ms", "cnn cached", "ours"),
        Measure("shakespeare step, cold", "ms", "gpt cold", "ours"),
        Measure("shakespeare step, cached", "ms", "gpt cached", "ours"),
    ),
    once=(RIVAL,),
)
