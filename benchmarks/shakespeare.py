"""Steps of the small GPT of the `shakespeare` recipe: 12 windows of 64 characters.

4 layers, 4 heads, width 128; forward, backward, gradients clipped to a norm of 1, AdamW. Every side
is given its batches ready to use, and begins with weights of the same distribution.
"""

import statistics
import time
from collections.abc import Callable, Sequence
from functools import cache, partial

import numpy as np

import rushlight as rl
from benchmarks.native import need_native
from benchmarks.sides import TORCH, Figures, Measure, Task, check_loss, threads
from benchmarks.work import training_flop
from rushlight.data import shakespeare
from rushlight.models import GPT
from rushlight.train.step import make_step

LAYERS, HEADS, WIDTH, BLOCK = 4, 4, 128, 64
BATCH, RATE = 12, 1e-3
STEPS = 150  # that are made, of which the first do not count
FIRST = 20
CHARACTERS = 65
LIMIT = 2.75  # what the loss is below by then

Batch = tuple[np.ndarray, np.ndarray]


@cache
def ids() -> np.ndarray:
    """Return the characters of the training part of the text as numbers."""
    text = shakespeare.load()
    number = {character: at for at, character in enumerate(sorted(set(text)))}
    return np.array([number[character] for character in text[: len(text) * 9 // 10]])


def batches(quick: bool) -> list[Batch]:
    """Return windows (batch, block) of the text, and of what follows each character."""
    text, random = ids(), np.random.default_rng(0)
    count, batch = (4, 2) if quick else (STEPS, BATCH)
    starts = random.integers(0, len(text) - BLOCK, (count, batch))
    windows = text[starts[..., None] + np.arange(BLOCK + 1)]
    return [(one[:, :-1].copy(), one[:, 1:].copy()) for one in windows]


def figures(step: Callable[[tuple], float], ready: Sequence[tuple], quick: bool) -> Figures:
    """Return the milliseconds of a step, the median, once the loss shows that they did learn."""
    times, losses = [], []
    for batch in ready:
        started = time.perf_counter()
        losses.append(step(batch))
        times.append(time.perf_counter() - started)
    check_loss(statistics.mean(losses[-20:]), LIMIT, quick)
    return {"step": statistics.median(times[0 if quick else FIRST :]) * 1000}


def network() -> tuple[GPT, rl.optim.Optimizer]:
    rl.manual_seed(0)
    model = GPT(CHARACTERS, LAYERS, HEADS, WIDTH, BLOCK)
    matrices = [weight for weight in model.parameters() if weight.ndim > 1]
    others = [weight for weight in model.parameters() if weight.ndim <= 1]
    groups = [{"params": matrices}, {"params": others, "weight_decay": 0.0}]
    return model, rl.optim.AdamW(groups, lr=RATE, betas=(0.9, 0.99), weight_decay=0.1)


def ours(quick: bool) -> Figures:
    ready = [(rl.tensor(x), rl.tensor(y)) for x, y in batches(quick)]
    model, optimizer = network()
    step = rl.compile(make_step(model, None, optimizer, clip_norm=1.0))
    found = figures(lambda batch: step(*batch)[0].item(), ready, quick)
    need_native(step)
    return found


def pytorch(quick: bool, compiled: bool) -> Figures:
    import torch

    from benchmarks import gpt_pytorch

    torch.set_num_threads(threads())
    torch.manual_seed(0)
    ready = [tuple(map(torch.from_numpy, batch)) for batch in batches(quick)]
    model = gpt_pytorch.GPT(CHARACTERS, LAYERS, HEADS, WIDTH, BLOCK)
    optimizer = gpt_pytorch.adamw(model, RATE)
    weights = list(model.parameters())
    called = torch.compile(model) if compiled and not quick else model
    return figures(
        lambda batch: gpt_pytorch.train_step(called, weights, optimizer, *batch), ready, quick
    )


PRODUCTS = [
    BATCH * BLOCK * WIDTH * 12 * WIDTH * LAYERS,  # inside and out of attention, up and down
    BATCH * HEADS * LAYERS * BLOCK * (BLOCK + 1) * (WIDTH // HEADS),  # each looks back at half
    BATCH * BLOCK * WIDTH * CHARACTERS,
]
FLOP = training_flop([0, *PRODUCTS])  # every product has an input that wants a gradient
COMPILED = f"{TORCH}, torch.compile"
NAME = "a step of 12 x 64 characters"
ONE, TORCH_ONE = "compiled, 1 thread", f"{TORCH}, 1 thread"
TASK = Task(
    {
        "compiled": ours,
        ONE: ours,
        TORCH: partial(pytorch, compiled=False),
        TORCH_ONE: partial(pytorch, compiled=False),
        COMPILED: partial(pytorch, compiled=True),
    },
    (
        Measure(NAME, "ms", "step", "compiled", (TORCH, COMPILED), FLOP),
        Measure(f"{NAME}, 1 thread", "ms", "step", ONE, (TORCH_ONE,), FLOP, threads=1),
    ),
    threads={ONE: 1, TORCH_ONE: 1},
    once=(COMPILED,),
)
