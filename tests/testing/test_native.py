"""Graphs built and run as C by the tests: what they give, and that faults do not pass."""

from pathlib import Path

import numpy as np
import pytest

import rushlight as rl
from rushlight.core.errors import BoundsError, CompileError
from rushlight.testing.compare import assert_identical
from rushlight.testing.native import Memory, build_graphs
from rushlight.testing.sanitize import SANITIZERS, can_sanitize, run_sanitized

X = np.array([1.0, 2.0], np.float32)


def test_results_states_and_gradients_come_in_the_order_of_the_graph(tmp_path: Path) -> None:
    w = rl.tensor([3.0, 4.0], requires_grad=True)

    def step(x: rl.Tensor) -> rl.Tensor:
        loss = (x * w).sum()
        loss.backward()
        w.assign(w + 1.0)
        return loss

    (built,) = build_graphs([rl.trace(step, rl.tensor(X))], tmp_path)
    for threads in (1, 2):
        loss, new, grad = built.run([X, w.numpy()], threads)
        assert_identical(loss, np.float32(11.0))
        assert_identical(new, np.array([4.0, 5.0], np.float32))
        assert_identical(grad, X)
    assert w.tolist() == [3.0, 4.0]


def test_several_graphs_share_a_file(tmp_path: Path) -> None:
    graphs = [rl.trace(lambda x, n=n: x * n, rl.tensor(X)) for n in (2.0, 3.0)]
    double, triple = build_graphs(graphs, tmp_path)
    assert_identical(double.run([X])[0], X * 2)
    assert_identical(triple.run([X])[0], X * 3)


def test_an_index_out_of_range_is_an_error(tmp_path: Path) -> None:
    graph = rl.trace(rl.take, rl.tensor(X), rl.tensor([1]))
    (built,) = build_graphs([graph], tmp_path)
    with pytest.raises(BoundsError, match="index 2"):
        built.run([X, np.array([2])])


def test_an_input_that_a_call_changed_is_noticed(tmp_path: Path) -> None:
    graph = rl.trace(lambda x: x * 2.0, rl.tensor(X))
    (built,) = build_graphs([graph], tmp_path)
    memory = Memory(graph, built.program, [X])
    memory.check_inputs(failed=False)
    memory.arrays[0][0] = 7.0
    with pytest.raises(AssertionError, match="argument 0 has been changed"):
        memory.check_inputs(failed=False)


def test_c_that_the_compiler_refuses_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(CompileError):
        build_graphs([rl.trace(lambda x: x * 2.0, rl.tensor(X))], tmp_path, ["-no-such-flag"])


@pytest.mark.parametrize("name", SANITIZERS)
def test_a_sanitizer_sees_a_buffer_that_is_too_short(name: str, tmp_path: Path) -> None:
    flags = SANITIZERS[name]
    if not can_sanitize(tmp_path, flags):
        pytest.skip(f"no library here for {flags[0]}")
    graph = rl.trace(lambda x: x * 2.0, rl.tensor(X))
    assert run_sanitized([graph], [[X]], tmp_path, flags) == "done\n"
    if name == "address and undefined":
        assert "heap-buffer-overflow" in run_sanitized([graph], [[X[:1]]], tmp_path, flags)
