"""The small GPT of the `shakespeare` recipe: steps of training, characters written, and memory.

4 layers, 4 heads, width 128. A step is of 12 windows of 64 characters: forward, backward, gradients
clipped to a norm of 1, AdamW. Every side is given its batches ready to use, and begins with weights
of the same distribution.
"""

import statistics
import time
from collections.abc import Callable, Sequence
from functools import cache, partial
from typing import Any

import numpy as np

import rushlight as rl
from benchmarks.load import peak_memory
from benchmarks.native import need_native
from benchmarks.sides import TORCH, Figures, Measure, Task, check_loss, threads
from benchmarks.work import training_flop
from rushlight.data import shakespeare
from rushlight.llm import Decoder, Sampler, generate
from rushlight.models import GPT
from rushlight.recipes import shakespeare as recipe
from rushlight.train.step import make_step

LAYERS, HEADS, WIDTH, BLOCK = 4, 4, 128, 64
BATCH, RATE = 12, 1e-3
STEPS = 150  # that are made, of which the first do not count
FIRST = 20
CHARACTERS = 65
WRITTEN = 500  # characters of a text that is made up
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


def of_pytorch() -> tuple[Any, Any, Any]:
    """Return the module with the network in PyTorch, a network, and its optimiser."""
    import torch

    from benchmarks import gpt_pytorch

    torch.set_num_threads(threads())
    torch.manual_seed(0)
    model = gpt_pytorch.GPT(CHARACTERS, LAYERS, HEADS, WIDTH, BLOCK)
    return gpt_pytorch, model, gpt_pytorch.adamw(model, RATE)


def pytorch(quick: bool, compiled: bool) -> Figures:
    import torch

    gpt, model, optimizer = of_pytorch()
    ready = [tuple(map(torch.from_numpy, batch)) for batch in batches(quick)]
    weights = list(model.parameters())
    called = torch.compile(model) if compiled and not quick else model
    return figures(lambda batch: gpt.train_step(called, weights, optimizer, *batch), ready, quick)


def per_character(write: Callable[[int], object], quick: bool) -> Figures:
    """Return the microseconds that a character takes, the median over some texts."""
    count, times = (70 if quick else WRITTEN), []
    for _ in range(1 if quick else 6):
        started = time.perf_counter()
        write(count)
        times.append((time.perf_counter() - started) / count)
    return {"character": statistics.median(times[-5:]) * 1e6}


def writing(quick: bool) -> Figures:
    model, _ = network()
    decoder = Decoder(model)

    def write(count: int) -> None:
        for _ in generate(decoder, [[0]], count, Sampler(temperature=0.8)):
            pass

    return per_character(write, quick)


def pytorch_writing(quick: bool) -> Figures:
    gpt, model, _ = of_pytorch()
    model.eval()
    return per_character(lambda count: gpt.write(model, [0], count, temperature=0.8), quick)


def training(quick: bool) -> Figures:
    """Return the peak of memory of a process that trains, validates and writes."""
    recipe.train(steps=4 if quick else STEPS, progress=False)
    return {"peak": peak_memory()}


def pytorch_training(quick: bool) -> Figures:
    import torch

    gpt, model, optimizer = of_pytorch()
    weights = list(model.parameters())
    for x, y in batches(quick):
        gpt.train_step(model, weights, optimizer, torch.from_numpy(x), torch.from_numpy(y))
    held = torch.from_numpy(ids()[-len(ids()) // 9 :]).unfold(0, BLOCK + 1, BLOCK)
    gpt.loss_of(model, [(part[:, :-1], part[:, 1:]) for part in held.split(16)])
    gpt.write(model, [0], 70 if quick else WRITTEN, temperature=0.8)
    return {"peak": peak_memory()}


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
WRITING = Task(
    {"compiled": writing, TORCH: pytorch_writing},
    (
        Measure(
            "a character, with a cache of keys and values", "µs", "character", "compiled", (TORCH,)
        ),
    ),
)
MEMORY = Task(
    {"compiled": training, TORCH: pytorch_training},
    (Measure("peak of training, validating and writing", "MiB", "peak", "compiled", (TORCH,)),),
    once=("compiled", TORCH),
)
