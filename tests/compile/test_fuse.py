"""Which values share a kernel, and that what is worked out is all that is needed, once."""

from typing import Any

import numpy as np
import pytest

import rushlight as rl
from rushlight.compile.emit.program import ProgramWriter
from rushlight.compile.emit.steps import Step
from rushlight.compile.fuse import Fuser, fuse
from rushlight.compile.legalise import legalise
from rushlight.graph.passes.optimise import optimise
from rushlight.testing.graphs import random_graph


def fused(function: Any, *arguments: rl.Tensor) -> Fuser:
    return fuse(legalise(optimise(rl.trace(function, *arguments))))


def steps(function: Any, *arguments: rl.Tensor) -> list[Step]:
    writer = ProgramWriter(rl.trace(function, *arguments))
    writer.write()
    return writer.steps


def kernels(function: Any, *arguments: rl.Tensor) -> list[str]:
    """Return what each kernel computes."""
    fuser = fused(function, *arguments)
    return [
        " ".join(node.primitive.name for node in fuser.nodes_of(kernel)) for kernel in fuser.kernels
    ]


def test_a_chain_of_pointwise_ops_is_one_kernel() -> None:
    found = kernels(lambda x, y: ((x * y).exp() + x).tanh(), rl.ones(20, 30), rl.ones(30))
    assert found == ["mul exp add tanh"]


def test_a_softmax_and_its_gradient_are_one_loop_over_rows() -> None:
    def function(x: rl.Tensor, y: rl.Tensor) -> Any:
        return rl.value_and_grad(lambda x: (x.softmax(1) * y).sum(1).sum())(x)[1]

    assert len(kernels(function, rl.ones(64, 10), rl.ones(64, 10))) == 1


def test_a_layer_norm_is_one_kernel() -> None:
    layer = rl.nn.LayerNorm(48)
    assert len(kernels(lambda x: layer(x), rl.ones(32, 48))) == 1


def test_a_layer_is_a_product_with_an_epilogue() -> None:
    layer = rl.nn.Linear(30, 40)
    assert kernels(lambda x: layer(x).relu(), rl.ones(20, 30)) == ["matmul_t add relu"]


def test_a_convolution_that_adds_window_by_window_has_no_epilogue() -> None:
    def function(x: rl.Tensor, w: rl.Tensor) -> rl.Tensor:
        return rl.grad(lambda x: rl.ops.conv.conv2d(x, w).sum())(x).tanh()

    found = kernels(function, rl.ones(2, 3, 8, 8), rl.ones(4, 3, 3, 3))
    assert "conv2d_input" in found


def test_a_step_of_adam_is_an_epilogue_of_the_product_that_is_the_gradient() -> None:
    layer = rl.nn.Linear(300, 200, bias=False)
    optimizer = rl.optim.Adam(layer.parameters(), lr=0.1)

    def step(x: rl.Tensor) -> None:
        layer(x).sum().backward()
        optimizer.step()
        optimizer.zero_grad()

    loops = [one for one in kernels(step, rl.ones(20, 300)) if "sqrt" in one]
    assert len(loops) == 1
    assert "matmul" in loops[0]


def test_a_sum_over_few_long_rows_does_not_join_what_can_be_done_in_parallel() -> None:
    assert len(kernels(lambda x: (x.exp(), x.exp().sum()), rl.ones(10_000))) == 2


def evaluations(name: str, function: Any, *arguments: rl.Tensor) -> int:
    """Return in how many kernels an op is worked out."""
    fuser = fused(function, *arguments)
    nodes = [node for kernel in fuser.kernels for node, _ in fuser.evaluated(kernel)]
    return [node.primitive.name for node in nodes].count(name)


def test_what_is_slow_is_worked_out_once_and_what_is_cheap_where_it_is_used() -> None:
    def slow(x: rl.Tensor) -> list[rl.Tensor]:
        return [x.exp().sum(0), x.exp().sum(1)]

    def cheap(x: rl.Tensor) -> list[rl.Tensor]:
        return [(x * 3.0).sum(0), (x * 3.0).sum(1)]

    assert evaluations("exp", slow, rl.ones(64, 64)) == 1
    assert evaluations("mul", cheap, rl.ones(64, 64)) == 2


def test_a_long_chain_of_ops_is_one_loop() -> None:
    def function(x: rl.Tensor) -> rl.Tensor:
        for _ in range(700):
            x = x.sin() + 0.5
        return x

    (step,) = steps(function, rl.ones(100))
    assert step.emitted.code.text.count("for (") == 1


def test_numbers_that_are_used_again_and_again_are_worked_out_once() -> None:
    def function(x: rl.Tensor, s: rl.Tensor) -> rl.Tensor:
        for _ in range(20):
            s = s * s + s
        return (x @ x) * s

    (step,) = steps(function, rl.ones(10, 10), rl.tensor(0.1))
    assert step.emitted.code.text.count("const float mul_") == 21


def test_the_norm_of_many_gradients_is_worked_out_once() -> None:
    weights = [rl.ones(30 + i, requires_grad=True) for i in range(24)]

    def step() -> None:
        sum(((w * w).sum() for w in weights), rl.tensor(0.0)).backward()
        rl.optim.clip_grad_norm(weights, 1.0)
        for w in weights:
            w.assign(w.detach() - 0.1 * w.grad.detach())
            w.grad = None

    found = kernels(step)
    assert sum("sqrt" in names for names in found) == 1
    assert sum("div" in names for names in found) == 1


def test_a_lookup_of_which_a_part_is_used_looks_at_all_indices() -> None:
    def function(table: rl.Tensor, ids: rl.Tensor) -> rl.Tensor:
        return rl.take(table, ids).exp()[:2]

    fuser = fused(function, rl.ones(9, 4), rl.tensor(np.arange(5)))
    checks = [check for kernel in fuser.kernels for check in fuser.index_checks(kernel)]
    assert any(check.complete for check in checks)


@pytest.mark.parametrize("seed", range(100))
def test_every_kernel_comes_after_those_that_it_depends_on(seed: int) -> None:
    fuser = fuse(legalise(optimise(random_graph(seed)[0])))
    for number, kernel in enumerate(fuser.kernels):
        for value in fuser.values_read(kernel):
            if value in fuser.home:
                assert fuser.kernels.index(fuser.home[value]) <= number
            else:
                assert value not in fuser.producer


@pytest.mark.parametrize("seed", range(100))
def test_every_result_has_one_kernel(seed: int) -> None:
    graph = legalise(optimise(random_graph(seed)[0]))
    fuser = fuse(graph)
    for value in graph.results():
        assert [value in kernel.kept for kernel in fuser.kernels].count(True) == 1
