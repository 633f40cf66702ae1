"""Loading a saved state into a module: all of it or nothing, with every difference named."""

import numpy as np
import pytest

import rushlight as rl
from rushlight import nn


def make_net(seed=0):
    rl.manual_seed(seed)
    return nn.Sequential(nn.Linear(3, 4), nn.BatchNorm(4), nn.Linear(4, 2))


def values_of(net):
    return {name: tensor.numpy().copy() for name, tensor in net.state_dict().items()}


def assert_same(net, wanted):
    found = values_of(net)
    assert list(found) == list(wanted)
    for name, values in wanted.items():
        np.testing.assert_array_equal(found[name], values, err_msg=name)


def test_a_state_gives_another_network_the_same_values():
    first, second = make_net(1), make_net(2)
    first(rl.ones(2, 3))
    parameter = second[0].weight
    second.load_state_dict(first.state_dict())
    assert_same(second, values_of(first))
    assert second[0].weight is parameter
    assert parameter.requires_grad


def test_a_loaded_state_is_a_copy():
    first, second, third = make_net(1), make_net(2), make_net(3)
    arrays = values_of(first)
    second.load_state_dict(first.state_dict())
    third.load_state_dict(arrays)
    wanted = values_of(first)
    for array in arrays.values():
        array += 1.0
    assert_same(third, wanted)
    for name, tensor in first.state_dict().items():
        assert not np.shares_memory(tensor.data, second.state_dict()[name].data), name


def test_all_missing_and_unexpected_names_are_listed():
    net = make_net()
    state = values_of(net)
    before = values_of(net)
    for name in ("0.weight", "1.running_var"):
        del state[name]
    state |= {"3.weight": np.zeros(1), "4.weight": np.zeros(1), "0.bias": state["0.bias"] + 1}
    with pytest.raises(rl.ModuleError) as caught:
        net.load_state_dict(state)
    assert str(caught.value) == (
        "the state does not fit Sequential; missing: 0.weight, 1.running_var; "
        "unexpected: 3.weight, 4.weight"
    )
    assert_same(net, before)


def test_names_that_differ_by_a_prefix_get_a_hint():
    net = make_net()
    state = {f"model.{name}": value for name, value in values_of(net).items()}
    with pytest.raises(rl.ModuleError, match=r'only in the state the names begin with "model\."'):
        net.load_state_dict(state)
    with pytest.raises(rl.ModuleError, match=r'only in the module the names begin with "0\."'):
        nn.Sequential(net).load_state_dict(values_of(net))


def test_without_strict_what_fits_is_loaded():
    net = make_net()
    net.load_state_dict({"0.bias": np.arange(4, dtype=np.float32), "x": np.zeros(1)}, strict=False)
    assert net[0].bias.tolist() == [0.0, 1.0, 2.0, 3.0]


@pytest.mark.parametrize(
    ("name", "value", "text"),
    [
        ("2.bias", np.zeros(3, np.float32), "2.bias has shape (2,), the state has (3,)"),
        (
            "2.bias",
            np.zeros(2),
            "2.bias is float32, the state has float64\n"
            '  hint: cast it first: state["2.bias"].cast("float32")',
        ),
        (
            "2.bias",
            np.zeros(2, np.float16),
            "2.bias is float32, the state has float16\n"
            '  hint: cast it first: state["2.bias"].cast("float32")',
        ),
    ],
)
def test_a_value_that_does_not_fit_is_named_and_nothing_changes(name, value, text):
    net = make_net()
    before = values_of(net)
    state = {key: array + 1 for key, array in before.items()} | {name: value}
    with pytest.raises(rl.RushlightError) as caught:
        net.load_state_dict(state)
    assert str(caught.value) == text
    assert_same(net, before)


def test_16_bit_floats_are_loaded_into_a_network_that_is_cast_to_them():
    first, second = nn.Linear(2, 2).cast("bfloat16"), nn.Linear(2, 2).cast("bfloat16")
    second.load_state_dict(first.state_dict())
    np.testing.assert_array_equal(second.weight.numpy(), first.weight.numpy())


def test_a_state_may_be_loaded_between_traced_steps():
    first, second = nn.Linear(2, 1), nn.Linear(2, 1)
    run = rl.compile(first)
    x = rl.ones(3, 2)
    run(x)
    first.load_state_dict(second.state_dict())
    np.testing.assert_array_equal(run(x).numpy(), second(x).numpy())
    assert len(run.graphs) == 1


def test_what_is_no_state_is_refused():
    with pytest.raises(rl.UsageError, match="a state is a dict of tensors by name, not NoneType"):
        make_net().load_state_dict(None)
    with pytest.raises(rl.ModuleError, match="unexpected: 1"):
        make_net().load_state_dict({1: rl.ones(1)})
