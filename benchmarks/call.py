"""One call from Python of a graph so tiny that hardly anything but the call is left."""

import numpy as np

import rushlight as rl
from benchmarks.native import need_native
from benchmarks.sides import TORCH, Figures, Measure, Task, a_call, threads

SIZE = 8


def arrays() -> list[np.ndarray]:
    return [np.linspace(low, 1.0, SIZE, dtype=np.float32) for low in (-1.0, 0.0, 0.5)]


def ours(quick: bool) -> Figures:
    function = rl.compile(lambda a, x, b: (a * x + b).relu())
    a, x, b = map(rl.tensor, arrays())
    wanted = np.maximum(a.numpy() * x.numpy() + b.numpy(), 0)
    np.testing.assert_allclose(function(a, x, b).numpy(), wanted, rtol=1e-6)
    bound = function.bind(a, x, b)
    np.testing.assert_allclose(bound().numpy(), wanted, rtol=1e-6)
    need_native(function)
    return {
        "call": a_call(lambda: function(a, x, b), quick) * 1e6,
        "bound": a_call(bound, quick) * 1e6,
    }


def pytorch(quick: bool) -> Figures:
    import torch

    torch.set_num_threads(threads())
    a, x, b = map(torch.from_numpy, arrays())
    with torch.inference_mode():
        seconds = a_call(lambda: (a * x + b).relu(), quick)
    return {"call": seconds * 1e6, "bound": seconds * 1e6}


TASK = Task(
    {"ours": ours, TORCH: pytorch},
    (
        Measure("relu(a * x + b) of 8 numbers, bound", "µs", "bound", "ours", (TORCH,)),
        Measure("relu(a * x + b) of 8 numbers", "µs", "call", "ours", (TORCH,)),
    ),
)
