"""Loops that are asked for twice run once, and give no more than is read."""

from typing import Any

import numpy as np
import pytest

import rushlight as rl
from rushlight.graph.passes.loops import share_loops
from rushlight.graph.passes.rewrite import copied
from rushlight.testing.compare import assert_identical
from tests.graph.loop_forms import FORMS
from tests.graph.passes.evaluate import evaluate, names


@pytest.mark.parametrize("name", FORMS)
def test_sharing_keeps_every_bit(name: str) -> None:
    form = FORMS[name]
    graph = rl.trace(form.with_gradients, *form.tensors())
    wanted = evaluate(graph, *form.inputs)
    after = share_loops(copied(graph))
    for one, other in zip(evaluate(after, *form.inputs), wanted, strict=True):
        assert_identical(one, other)
    assert names(after).count("scan") <= names(graph).count("scan")


def loss(h: rl.Tensor, xs: rl.Tensor) -> rl.Tensor:
    return rl.scan(lambda h, x: ((h * x).tanh(), h), h, xs)[0].sum()


def test_the_way_there_is_gone_once_for_a_value_and_its_gradient() -> None:
    graph = rl.trace(rl.value_and_grad(loss), rl.ones(3), rl.ones(4, 3))
    assert names(graph).count("scan") == 3
    assert names(share_loops(graph)).count("scan") == 2


def test_loops_of_other_inputs_are_not_taken_for_the_same() -> None:
    def both(h: rl.Tensor, xs: rl.Tensor) -> Any:
        return [rl.value_and_grad(loss)(h, rows) for rows in (xs, xs * 2.0)]

    graph = rl.trace(both, rl.ones(3), rl.ones(4, 3))
    assert names(share_loops(copied(graph))).count("scan") == 4
    arrays = [np.full(3, 0.5, np.float32), np.linspace(-1, 1, 12, dtype=np.float32).reshape(4, 3)]
    wanted = evaluate(graph, *arrays)
    for one, other in zip(evaluate(share_loops(graph), *arrays), wanted, strict=True):
        assert_identical(one, other)


def test_results_by_turn_that_nobody_reads_are_left_out() -> None:
    def some(h: rl.Tensor, xs: rl.Tensor) -> rl.Tensor:
        _, (_, read, _) = rl.scan(lambda h, x: (h + x, (h.exp(), h * x, h.log())), h, xs)
        return read

    graph = share_loops(rl.trace(some, rl.ones(3), rl.ones(4, 3)))
    (node,) = graph.nodes
    assert len(node.outputs) == 2
    assert names(node.params["body"].graph) == ["add", "mul"]
