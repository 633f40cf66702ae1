"""Hooks: what they see, what they may change, and that compiled functions notice them."""

import copy

import numpy as np
import pytest

import rushlight as rl
from rushlight import nn


def net():
    return nn.Sequential(nn.Linear(2, 2), nn.ReLU())


def test_a_hook_sees_the_layer_its_arguments_and_its_output():
    model, seen = net(), []
    model[0].register_forward_pre_hook(lambda *given: seen.append(given))
    model[0].register_forward_hook(lambda *given: seen.append(given))
    x = rl.ones(1, 2)
    y = model(x)
    (module, args), (same, arguments, output) = seen
    assert module is same is model[0]
    assert args[0] is x and arguments[0] is x
    np.testing.assert_array_equal(output.relu().numpy(), y.numpy())


def test_hooks_may_take_the_place_of_arguments_and_output_in_their_order():
    layer = nn.Identity()
    layer.register_forward_pre_hook(lambda module, args: args[0] + 1.0)
    layer.register_forward_pre_hook(lambda module, args: (args[0] * 10.0,))
    layer.register_forward_hook(lambda module, args, y: y - 0.5)
    layer.register_forward_hook(lambda module, args, y: None)
    assert layer(rl.tensor(1.0)).item() == 19.5


def test_a_hook_is_removed_once_and_leaves_the_others():
    layer = nn.Identity()

    def plus(module, args, y):
        return y + 1.0

    first, second = layer.register_forward_hook(plus), layer.register_forward_hook(plus)
    first.remove()
    first.remove()
    assert layer(rl.tensor(0.0)).item() == 1.0
    with layer.register_forward_hook(plus):
        assert layer(rl.tensor(0.0)).item() == 2.0
    second.remove()
    assert layer(rl.tensor(0.0)).item() == 0.0


def test_gradients_go_through_what_a_hook_made():
    layer = nn.Linear(1, 1, bias=False)
    layer.register_forward_hook(lambda module, args, y: y * 3.0)
    layer(rl.tensor([[2.0]])).sum().backward()
    assert layer.weight.grad.tolist() == [[6.0]]


def test_a_compiled_function_notices_hooks_that_come_and_go():
    model, x = net(), rl.ones(1, 2)
    run = rl.compile(model)
    plain = run(x).numpy()
    handle = model[1].register_forward_hook(lambda module, args, y: y + 7.0)
    np.testing.assert_array_equal(run(x).numpy(), plain + 7.0)
    assert len(run.graphs) == 2
    handle.remove()
    np.testing.assert_array_equal(run(x).numpy(), plain)


def test_a_compiled_function_notices_what_a_hook_takes_from_outside():
    deep, x, factor = nn.Sequential(*[nn.Hardtanh(0.0, 9.0) for _ in range(100)]), rl.ones(2), 2.0

    def scaled(module, args, y):
        return y * factor

    deep[99].register_forward_hook(scaled)
    run = rl.compile(deep, native=False)
    assert run(x).tolist() == [2.0, 2.0]
    factor = 5.0
    assert run(x).tolist() == [5.0, 5.0]


def test_a_copy_keeps_its_hooks_and_removes_its_own():
    layer = nn.Identity()
    handle = layer.register_forward_hook(lambda module, args, y: y + 1.0)
    other = copy.deepcopy(layer)
    handle.remove()
    assert layer(rl.tensor(0.0)).item() == 0.0
    assert other(rl.tensor(0.0)).item() == 1.0


def test_an_error_in_a_hook_names_the_layer():
    model = net()
    model[1].register_forward_pre_hook(lambda module, args: args[0] @ rl.ones(5, 5))
    with pytest.raises(rl.ShapeError, match="inner sizes differ") as caught:
        model(rl.ones(1, 2))
    assert caught.value.module == "1"


@pytest.mark.parametrize("wrong", [None, 3, "hook"])
def test_a_hook_that_is_no_function_is_refused(wrong):
    with pytest.raises(rl.ModuleError, match="a hook is a function, not"):
        nn.ReLU().register_forward_hook(wrong)


def test_a_hook_is_told_keyword_arguments_if_it_wants_them():
    seen = []
    layer = rl.nn.MultiHeadAttention(4, heads=1)
    layer.register_forward_hook(lambda *given: seen.append(given[1:3]), with_kwargs=True)
    x = rl.ones(1, 3, 4)
    layer(x, lengths=[2])
    assert seen == [((x,), {"lengths": [2]})]
