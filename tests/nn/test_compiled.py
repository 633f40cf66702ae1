"""Training steps of every layer and loss as C: what NumPy gives, the same bits on all threads."""

import numpy as np
import pytest

import rushlight as rl
from rushlight import nn
from rushlight.graph.interpret import Interpreter
from rushlight.testing.compare import assert_close, assert_identical
from rushlight.testing.graphs import inputs_of
from rushlight.testing.native import build_graphs
from rushlight.tree import flatten
from tests.nn import layer_cases

FILE = 40  # graphs to a C file


def numbers(shape):
    return np.random.default_rng(7).standard_normal(shape).astype(np.float32)


def of_layers():
    tables = (
        layer_cases.ACTIVATIONS,
        layer_cases.NORMS,
        layer_cases.OTHERS,
        layer_cases.RECURRENT,
        layer_cases.TRANSFORMERS,
    )
    for table in tables:
        for layer, shapes, _ in table:
            yield repr(layer), layer, [numbers(shapes[3])]
    for layer, shapes in layer_cases.PAIRS:
        yield repr(layer), layer, [numbers(shape) for shape in shapes]


class Ragged(nn.Module):
    """A recurrent layer whose sequences end after so many elements."""

    def __init__(self, layer):
        self.layer = layer

    def forward(self, x, lengths):
        return self.layer(x, lengths=lengths)


def of_ragged():
    lengths = np.array([3, 1, 0, 2])
    for layer in (
        nn.RNN(2, 3),
        nn.LSTM(2, 5, num_layers=2, bidirectional=True),
        nn.GRU(2, 3, bidirectional=True),
    ):
        yield f"ragged {layer!r}", Ragged(layer), [numbers((4, 3, 2)), lengths]


def of_losses():
    for kind, options, given in layer_cases.LOSSES:
        arrays = [numbers(one) if isinstance(one, tuple) else one for one in given]
        narrow = [x.astype(np.float32) if x.dtype.kind == "f" else x for x in arrays]
        loss = kind(**options)
        yield f"{loss!r} {len(given)}", loss, narrow


CASES = {
    f"{name} {i}": rest
    for i, (name, *rest) in enumerate([*of_layers(), *of_ragged(), *of_losses()])
}


def step_of(layer, arrays):
    """The graph of a step of gradient descent, by a scale of the input too, and its inputs."""
    rl.manual_seed(5)
    layer = layer.cast("float32")
    scale = nn.Parameter(np.float32(0.9))
    optimizer = rl.optim.SGD([scale, *layer.parameters()], lr=0.1)

    def step(first, *rest):
        optimizer.zero_grad()
        outputs = flatten(layer(first * scale, *rest))[0]
        loss = sum((y * y.detach().cos()).sum() for y in outputs)
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        return loss, outputs

    tensors = [rl.tensor(x) for x in arrays]
    graph = rl.trace(step, *tensors)
    return graph, inputs_of(graph, [x.data for x in tensors])


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """Each step as C, built with the others of its file, and its inputs."""
    names, ready = list(CASES), {}

    def get(name):
        if name not in ready:
            first = names.index(name) // FILE * FILE
            some = names[first : first + FILE]
            steps = [step_of(*CASES[one]) for one in some]
            folder = tmp_path_factory.mktemp("steps")
            made = build_graphs([graph for graph, _ in steps], folder, unit=64)
            for one, compiled, (_, inputs) in zip(some, made, steps, strict=True):
                ready[one] = compiled, inputs
        return ready[name]

    return get


@pytest.mark.parametrize("name", CASES)
def test_a_step_gives_what_numpy_gives_on_any_number_of_threads(name, built):
    compiled, inputs = built(name)
    wanted = Interpreter(compiled.graph).run(inputs)
    got = compiled.run(inputs)
    for position, (one, other) in enumerate(zip(got, wanted, strict=True)):
        rough = 1e-5 if one.dtype.kind == "f" else None
        assert_close(one, np.asarray(other), rtol=rough, atol=rough, what=f"result {position}")
    for one, other in zip(compiled.run(inputs, 3), got, strict=True):
        assert_identical(one, other, what="three threads")
