"""A checkpointed function computes the same, gradients included, and keeps less."""

import numpy as np
import pytest

import rushlight as rl
from rushlight import nn
from rushlight.compile.emit.program import compile_graph
from rushlight.testing.compare import assert_identical
from rushlight.testing.gradcheck import check_gradients


def plainly(function, *args):
    return function(*args)


def network():
    rl.manual_seed(0)
    return nn.Sequential(
        nn.Linear(4, 8), nn.BatchNorm(8), nn.Tanh(), nn.Dropout(0.5), nn.Linear(8, 4)
    )


def trained(call, steps=3):
    """Return all that three steps through one network, used twice, leave behind."""
    net = network()
    optimizer = rl.optim.Adam(net.parameters(), lr=0.1)
    x = rl.randn(6, 4).requires_grad_()
    for _ in range(steps):
        y = call(net, call(net, x * 2.0))
        optimizer.backward_step((y * y).sum())
    return [*net.state_dict().values(), x.grad, rl.rand(3)]


def test_training_leaves_the_same_bits_with_dropout_and_running_statistics():
    for got, wanted in zip(trained(rl.checkpoint), trained(plainly), strict=True):
        assert_identical(got, wanted)


def test_first_and_second_derivatives_are_what_small_steps_show():
    w = rl.tensor(np.linspace(-1.0, 1.0, 9).reshape(3, 3), requires_grad=True)
    x = rl.tensor(np.linspace(0.3, 0.9, 6).reshape(2, 3), requires_grad=True)

    def function(x, w):
        return rl.checkpoint(lambda x: ((x @ w).tanh() * x).sum(1), x)

    check_gradients(function, x, w, order=2)


def test_gradients_reach_tensors_that_the_function_captures_even_computed_ones():
    def gradients(call):
        w = rl.tensor([2.0, 3.0], requires_grad=True)
        doubled = w * 2.0
        y = call(lambda x: x * doubled * w, rl.tensor([1.0, 5.0]))
        return rl.gradients_of(y.sum(), [w])[0]

    assert_identical(gradients(rl.checkpoint), gradients(plainly))


def test_trees_of_tensors_go_in_and_come_out():
    x = rl.tensor([1.0, 2.0], requires_grad=True)
    out = rl.checkpoint(
        lambda pair, *, scale: {"y": pair[0] * scale, "n": [scale, 3]}, (x, 1), scale=4
    )
    assert out["n"] == [4, 3]
    out["y"].sum().backward()
    assert x.grad.tolist() == [4.0, 4.0]


def test_of_several_results_those_that_are_used_count():
    x = rl.tensor([1.0, 2.0], requires_grad=True)
    first, second, positions = rl.checkpoint(lambda x: (x * 2.0, x * x, x.argmax()), x)
    assert positions.item() == 1 and first.tolist() == [2.0, 4.0]
    second.sum().backward()
    assert x.grad.tolist() == [2.0, 4.0]


def test_one_within_another_gives_the_same_gradient():
    x = rl.tensor([0.5, 2.0], requires_grad=True)

    def nested(x):
        return rl.checkpoint(lambda x: rl.checkpoint(rl.Tensor.tanh, x * 2.0) * x, x)

    (got,) = rl.gradients_of(nested(x).sum(), [x])
    (wanted,) = rl.gradients_of(((x * 2.0).tanh() * x).sum(), [x])
    assert_identical(got, wanted)


def test_going_back_twice_works_where_the_graph_is_kept():
    x = rl.tensor([1.0, 2.0], requires_grad=True)
    y = rl.checkpoint(lambda x: x * x, x).sum()
    y.backward(retain_graph=True)
    y.backward()
    assert x.grad.tolist() == [4.0, 8.0]


def test_nothing_is_called_again_where_no_gradient_is_wanted():
    calls = []

    def noted(x):
        calls.append(x)
        return x * 2.0

    with rl.no_grad():
        rl.checkpoint(noted, rl.ones(2, requires_grad=True))
    assert not rl.checkpoint(noted, rl.ones(2)).requires_grad
    assert len(calls) == 2


def test_a_function_that_gives_something_else_when_called_again_is_noticed():
    w = rl.ones(2, requires_grad=True)
    sizes = [2, 3]
    y = rl.checkpoint(lambda x: x * rl.ones(sizes.pop(0), 1), w)
    with pytest.raises(rl.GradientError, match=r"gave float32 \(3, 2\) .* first float32 \(2, 2\)"):
        y.sum().backward()
    frozen = rl.ones(3, requires_grad=True)
    y, z = rl.checkpoint(lambda x: (x * 2.0, frozen * 2.0), w)
    frozen.requires_grad_(False)
    with pytest.raises(rl.GradientError, match=r"\(2,\) to differentiate, at first .* \(3,\)"):
        (y.sum() + z.sum()).backward()


def test_a_weight_that_changed_before_the_way_back_is_noticed():
    w = rl.ones(2, requires_grad=True)
    y = rl.checkpoint(lambda x: x * w, rl.ones(2))
    w.assign(rl.zeros(2))
    with pytest.raises(rl.GradientError, match="assigned to since"):
        y.sum().backward()


def test_what_cannot_be_called_is_refused():
    with pytest.raises(rl.UsageError, match="takes a function or a layer, not 3"):
        rl.checkpoint(3, rl.ones(1))


def deep_step(call):
    rl.manual_seed(0)
    blocks = [
        nn.Sequential(nn.Linear(16, 64), nn.Tanh(), nn.Dropout(0.1), nn.Linear(64, 16), nn.Tanh())
        for _ in range(6)
    ]
    parameters = [parameter for block in blocks for parameter in block.parameters()]
    optimizer = rl.optim.SGD(parameters, lr=0.1)

    def step(x):
        for block in blocks:
            x = call(block, x)
        loss = (x * x).mean()
        optimizer.backward_step(loss)
        return loss

    return step, parameters


def test_a_compiled_step_needs_less_memory_for_the_same_bits():
    x = rl.randn(128, 16)
    results, arenas = [], []
    for call in (rl.checkpoint, plainly):
        step, parameters = deep_step(call)
        compiled = rl.compile(step)
        losses = [compiled(x) for _ in range(3)]
        assert not compiled.fallbacks
        results.append([*losses, *parameters])
        arenas.append(compile_graph(compiled.graph).arena)
    assert arenas[0] < arenas[1] / 2
    for got, wanted in zip(*results, strict=True):
        assert_identical(got, wanted)


def test_the_interpreter_gives_the_bits_of_the_function_itself():
    results = []
    for wrap in (lambda step: rl.compile(step, native=False), lambda step: step):
        step, parameters = deep_step(rl.checkpoint)
        x, step = rl.randn(8, 16), wrap(step)
        results.append([step(x), step(x), *parameters])
    for got, wanted in zip(*results, strict=True):
        assert_identical(got, wanted)
