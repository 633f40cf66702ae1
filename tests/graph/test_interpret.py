"""The interpreter: what it gives, what it keeps in memory, how it fails."""

import tracemalloc

import numpy as np
import pytest

import rushlight as rl
from rushlight.graph.interpret import Interpreter


def test_results_are_arrays_of_the_traced_shape_and_dtype() -> None:
    graph = rl.trace(lambda x: (x.sum(), x > 0.0, x.argmax()), rl.ones(3))
    results = Interpreter(graph).run([np.array([1.0, 5.0, -1.0], np.float32)])
    assert [type(one) for one in results] == [np.ndarray] * 3
    assert [(one.shape, one.dtype.name) for one in results] == [
        ((), "float32"),
        ((3,), "bool"),
        ((), "int64"),
    ]


def test_one_interpreter_runs_again_and_again_on_other_values() -> None:
    interpreter = Interpreter(rl.trace(lambda x: x * 2.0 + 1.0, rl.ones(2)))
    for number in (1.0, 2.0, 3.0):
        (got,) = interpreter.run([np.full(2, number, np.float32)])
        assert got.tolist() == [2 * number + 1] * 2


def test_an_argument_or_a_constant_may_be_a_result() -> None:
    graph = rl.trace(lambda x: (x, rl.tensor([7.0]), x), rl.ones(1))
    got = Interpreter(graph).run([np.array([3.0], np.float32)])
    assert [array.item() for array in got] == [3.0, 7.0, 3.0]


def test_intermediate_values_are_let_go_after_their_last_use() -> None:
    size = 250_000
    megabyte = size * 4

    def function(x: rl.Tensor) -> rl.Tensor:
        for _ in range(40):
            x = x.sin()
        return x.sum()

    interpreter = Interpreter(rl.trace(function, rl.ones(size)))
    array = np.ones(size, np.float32)
    tracemalloc.start()
    interpreter.run([array])
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 3 * megabyte


def test_a_value_that_an_op_refuses_names_the_op_its_layer_and_the_line() -> None:
    class Table(rl.nn.Module):
        def forward(self, rows: rl.Tensor) -> rl.Tensor:
            return rl.take(rl.ones(3, 2), rows)

    model = rl.nn.Sequential(Table())
    read = rl.compile(lambda rows: model(rows))
    assert read(rl.tensor([2])).shape == (1, 2)
    with pytest.raises(rl.BoundsError) as caught:
        read(rl.tensor([3]))
    line = Table.forward.__code__.co_firstlineno + 1
    assert str(caught.value) == (
        "take: index 3 is outside of 0 to 2\n"
        "  table    float32 (3, 2)\n"
        "  indices  int64 (1,)\n"
        f"  at test_interpret.py:{line}, in 0"
    )
    assert read(rl.tensor([0])).tolist() == [[1.0, 1.0]]


def test_what_numpy_refuses_is_explained_as_well() -> None:
    power = rl.compile(lambda x, y: x**y, native=False)
    with pytest.raises(rl.RushlightError, match=r"pow: .*negative integer powers"):
        power(rl.tensor([2]), rl.tensor([-1]))


def test_a_failed_run_leaves_the_states_as_they_were() -> None:
    w = rl.tensor([1.0])

    @rl.compile
    def step(rows: rl.Tensor) -> rl.Tensor:
        w.assign(w + 1.0)
        return rl.take(rl.ones(3), rows)

    step(rl.tensor([0]))
    with pytest.raises(rl.BoundsError):
        step(rl.tensor([9]))
    assert w.tolist() == [2.0]
