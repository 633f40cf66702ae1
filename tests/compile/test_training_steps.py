"""Whole training steps as C: what NumPy gives, the same bits on all threads, no race."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import rushlight as rl
from rushlight.core.primitive import Array
from rushlight.graph.interpret import Interpreter
from rushlight.graph.ir import Graph
from rushlight.testing.compare import assert_close, assert_identical
from rushlight.testing.graphs import inputs_of
from rushlight.testing.native import Built, build_graphs
from rushlight.testing.sanitize import SANITIZERS, can_sanitize, run_sanitized

cross_entropy = rl.nn.functional.cross_entropy
Case = tuple[Graph, list[Array]]


def case_of(
    model: Callable[..., rl.Tensor], optimizer: rl.optim.Optimizer, *arguments: rl.Tensor
) -> Case:
    """Return the graph of one step: the last argument are the labels."""

    def step(*arguments: rl.Tensor) -> rl.Tensor:
        optimizer.zero_grad()
        loss = cross_entropy(model(*arguments[:-1]), arguments[-1])
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        return loss

    graph = rl.trace(step, *arguments)
    return graph, inputs_of(graph, [x.data for x in arguments])


def numbers(*shape: int) -> rl.Tensor:
    random = np.random.default_rng(len(shape))
    return rl.tensor(random.standard_normal(shape).astype(np.float32))


def labels(*shape: int, below: int = 10) -> rl.Tensor:
    return rl.tensor(np.random.default_rng(3).integers(0, below, shape))


def dense() -> Case:
    model = rl.nn.Sequential(
        rl.nn.Linear(784, 100),
        rl.nn.ReLU(),
        rl.nn.Linear(100, 33),
        rl.nn.ReLU(),
        rl.nn.Linear(33, 10),
    )
    optimizer = rl.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    return case_of(model, optimizer, numbers(64, 784), labels(64))


def dense_with_everything() -> Case:
    model = rl.nn.Sequential(
        rl.nn.Linear(70, 90),
        rl.nn.LayerNorm(90),
        rl.nn.Tanh(),
        rl.nn.Dropout(0.3),
        rl.nn.Linear(90, 50, bias=False),  # whose gradient would be rounding alone
        rl.nn.BatchNorm(50),
        rl.nn.Sigmoid(),
        rl.nn.Linear(50, 10),
    )
    return case_of(model, rl.optim.Adam(model.parameters(), lr=0.01), numbers(80, 70), labels(80))


def convolutions() -> Case:
    model = rl.nn.Sequential(
        rl.nn.Conv2d(1, 16, 5),
        rl.nn.MaxPool2d(2),
        rl.nn.Conv2d(16, 24, 3, padding=1),
        rl.nn.ReLU(),
        rl.nn.AvgPool2d(2),
        rl.nn.Flatten(),
        rl.nn.Dropout(0.5),
        rl.nn.Linear(24 * 36, 10),
    )
    optimizer = rl.optim.Adam(model.parameters(), lr=0.001)
    return case_of(model, optimizer, numbers(12, 1, 28, 28), labels(12))


def signals() -> Case:
    model = rl.nn.Sequential(
        rl.nn.Conv1d(3, 16, 5, padding="same", bias=False),
        rl.nn.BatchNorm(16),
        rl.nn.ReLU(),
        rl.nn.MaxPool1d(2),
        rl.nn.Conv1d(16, 40, 3, stride=2, groups=2, padding=2, dilation=2),
        rl.nn.Tanh(),
        rl.nn.AvgPool1d(3, 1, 1),
        rl.nn.AdaptiveAvgPool1d(7),
        rl.nn.Flatten(),
        rl.nn.Linear(280, 10),
    )
    optimizer = rl.optim.Adam(model.parameters(), lr=0.001)
    return case_of(model, optimizer, numbers(12, 3, 65), labels(12))


def pictures_small_and_large() -> Case:
    model = rl.nn.Sequential(
        rl.nn.Conv2d(2, 12, 3, stride=2, padding=1),
        rl.nn.Tanh(),
        rl.nn.AdaptiveMaxPool2d((5, 4)),
        rl.nn.ConvTranspose2d(12, 8, 3, 2, padding=1, output_padding=1),
        rl.nn.Tanh(),
        rl.nn.Upsample((13, 9), mode="bilinear"),
        rl.nn.ConvTranspose2d(8, 8, (2, 3), groups=4, bias=False),
        rl.nn.PixelShuffle(2),
        rl.nn.Upsample(size=(20, 11)),
        rl.nn.AdaptiveAvgPool2d((3, 1)),
        rl.nn.Flatten(),
        rl.nn.Linear(6, 10),
    )
    optimizer = rl.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    return case_of(model, optimizer, numbers(6, 2, 17, 14), labels(6))


def volumes() -> Case:
    model = rl.nn.Sequential(
        rl.nn.Conv3d(1, 8, 3, padding=1),
        rl.nn.MaxPool3d(2),
        rl.nn.Conv3d(8, 12, (1, 2, 2), dilation=(1, 1, 2), groups=4),
        rl.nn.Tanh(),
        rl.nn.ConvTranspose3d(12, 4, 2, stride=2),
        rl.nn.AvgPool3d(2, 1, 1, count_include_pad=False),
        rl.nn.AdaptiveAvgPool3d(2),
        rl.nn.Flatten(),
        rl.nn.Linear(32, 10),
    )
    optimizer = rl.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    return case_of(model, optimizer, numbers(4, 1, 6, 10, 9), labels(4))


def pools() -> Case:
    layers = [
        (rl.nn.MaxPool1d(3, 2, 1), 0),
        (rl.nn.MaxPool1d(2, dilation=3, ceil_mode=True), 0),
        (rl.nn.MaxPool1d(30, padding=9), 0),
        (rl.nn.AvgPool1d(3, 2, 1, count_include_pad=False), 0),
        (rl.nn.AdaptiveMaxPool1d(7), 0),
        (rl.nn.MaxPool3d((2, 3, 2), 1, (1, 1, 0)), 1),
        (rl.nn.AvgPool3d(2, (1, 2, 2), ceil_mode=True), 1),
    ]

    def step(*inputs: rl.Tensor) -> list[rl.Tensor]:
        """Return the gradient of the sum of squares of each pool."""
        return [rl.grad(lambda x, pool=pool: (pool(x) ** 2).sum())(inputs[i]) for pool, i in layers]

    arguments = numbers(3, 5, 33), numbers(2, 3, 5, 6, 7)
    graph = rl.trace(step, *arguments)
    return graph, inputs_of(graph, [x.data for x in arguments])


def words() -> Case:
    table = rl.nn.Embedding(300, 24)
    head = rl.nn.Linear(24, 5)
    optimizer = rl.optim.SGD([*table.parameters(), *head.parameters()], lr=0.1)

    def model(ids: rl.Tensor) -> rl.Tensor:
        return head(table(ids).mean(1))

    return case_of(model, optimizer, labels(16, 40, below=300), labels(16, below=5))


def attention() -> Case:
    width = 48
    query, key, value, out = (rl.nn.Linear(width, width) for _ in range(4))
    norm, head = rl.nn.LayerNorm(width), rl.nn.Linear(width, 10)
    layers = rl.nn.Sequential(query, key, value, out, norm, head)

    def model(x: rl.Tensor) -> rl.Tensor:
        scores = query(x) @ key(x).transpose(-1, -2) * width**-0.5
        mixed = scores.softmax(-1) @ value(x)
        return head(norm(x + out(mixed)))

    return case_of(
        model, rl.optim.Adam(layers.parameters(), lr=0.01), numbers(4, 33, width), labels(4, 33)
    )


STEPS = {
    make.__name__.replace("_", " "): make
    for make in (
        dense,
        dense_with_everything,
        convolutions,
        signals,
        pictures_small_and_large,
        volumes,
        pools,
        words,
        attention,
    )
}


@pytest.fixture(scope="module")
def cases() -> dict[str, Case]:
    rl.manual_seed(0)
    return {name: make() for name, make in STEPS.items()}


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory, cases: dict[str, Case]) -> dict[str, Built]:
    graphs = [graph for graph, _ in cases.values()]
    folder = tmp_path_factory.mktemp("graphs")
    return dict(zip(cases, build_graphs(graphs, folder), strict=True))


@pytest.mark.parametrize("name", STEPS)
def test_a_step_gives_what_numpy_gives_on_any_number_of_threads(
    name: str, cases: dict[str, Case], built: dict[str, Built]
) -> None:
    graph, inputs = cases[name]
    wanted = Interpreter(graph).run(inputs)
    got = built[name].run(inputs)
    for position, (one, other) in enumerate(zip(got, wanted, strict=True)):
        rough = 2e-4 if one.dtype.kind == "f" else None  # of Adam's first steps, which are signs
        assert_close(one, np.asarray(other), rtol=rough, atol=rough, what=f"result {position}")
    for threads in (2, 3, 4):
        for one, other in zip(built[name].run(inputs, threads), got, strict=True):
            assert_identical(one, other, what=f"{threads} threads")


@pytest.mark.timeout(600)  # tiles that are written out in full take compilers long to watch
@pytest.mark.parametrize(
    "sanitizer", ["threads", pytest.param("address and undefined", marks=pytest.mark.long)]
)
def test_no_sanitizer_complains_of_a_step(
    sanitizer: str, cases: dict[str, Case], tmp_path: Path
) -> None:
    flags = SANITIZERS[sanitizer]
    if not can_sanitize(tmp_path, flags):
        pytest.skip(f"no library here for {flags[0]}")
    graphs, inputs = zip(*cases.values(), strict=True)
    assert run_sanitized(graphs, inputs, tmp_path, flags) == "done\n"
