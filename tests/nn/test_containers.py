"""Sequential, Flatten, Identity."""

import numpy as np
import pytest

import rushlight as rl
from rushlight import nn


def test_layers_are_applied_in_order():
    net = nn.Sequential(nn.Flatten(), nn.Identity(), nn.Softmax(0))
    np.testing.assert_allclose(net(rl.zeros(2, 3, 4)).numpy(), np.full((2, 12), 0.5), rtol=1e-6)


def test_layers_are_reached_by_position_and_slice():
    layers = [nn.Linear(2, 2), nn.ReLU(), nn.Linear(2, 1)]
    net = nn.Sequential(*layers)
    assert list(net) == layers
    assert net[-1] is layers[2]
    front = net[:2]
    assert isinstance(front, nn.Sequential)
    assert list(front) == layers[:2]
    with pytest.raises(rl.BoundsError, match="there are 3 layers, and none at 3"):
        net[3]


def test_a_layer_is_appended_and_replaced():
    net = nn.Sequential(nn.Linear(2, 2)).append(nn.ReLU())
    assert [type(layer) for layer in net] == [nn.Linear, nn.ReLU]
    net.eval()
    last = nn.Tanh()
    setattr(net, "1", last)
    assert net.arguments == {"layers": (net[0], last)}


def test_a_layer_that_stands_twice_is_applied_twice():
    double = nn.Linear(1, 1, bias=False)
    double.weight.assign([[2.0]])
    net = nn.Sequential(double, double)
    assert net(rl.ones(1, 1)).item() == 4.0
    assert (
        repr(net)
        == "Sequential(\n  (0): Linear(1, 1, bias=False)\n  (1): Linear(1, 1, bias=False)\n)"
    )


def test_without_layers_the_input_comes_back():
    assert nn.Sequential()(rl.ones(2)).tolist() == [1.0, 1.0]
    assert repr(nn.Sequential()) == "Sequential()"


@pytest.mark.parametrize(
    ("layer", "text", "hint"),
    [
        (nn.ReLU, "layer 1 is the class ReLU, no Module", "make one: ReLU()"),
        (
            [nn.ReLU()],
            "layer 1 is of type list, no Module",
            "give the layers one by one: Sequential(*layers)",
        ),
        (
            nn.functional.linear,
            "layer 1 is of type function, no Module",
            "make it a Module with a forward method",
        ),
        (3, "layer 1 is of type int, no Module", None),
    ],
)
def test_what_is_no_layer_is_refused(layer, text, hint):
    with pytest.raises(rl.ModuleError) as caught:
        nn.Sequential(nn.ReLU(), layer)
    lines = str(caught.value).splitlines()
    assert lines[0] == f"Sequential: {text}"
    assert lines[2:] == ([f"  hint: {hint}"] if hint else [])


def test_flatten_joins_the_axes_from_the_one_given():
    x = rl.ones(2, 3, 4)
    assert nn.Flatten()(x).shape == (2, 12)
    assert nn.Flatten(0)(x).shape == (24,)
    assert nn.Flatten(2)(x).shape == (2, 3, 4)
    assert nn.Flatten(start_axis=-2)(x).shape == (2, 12)
    with pytest.raises(rl.ShapeError, match="axis 3 does not exist"):
        nn.Flatten(3)(x)
    with pytest.raises(rl.DTypeError, match="an axis is an int"):
        nn.Flatten("1")(x)


def test_layers_take_arrays_and_lists_too():
    x = np.ones((2, 3), np.float32)
    for layer in (nn.Flatten(), nn.ReLU(), nn.Linear(3, 1), nn.LayerNorm(3), nn.BatchNorm(3)):
        assert isinstance(layer(x), rl.Tensor)
        assert layer(x.tolist()).shape == layer(x).shape


def test_a_layer_that_holds_the_container_is_refused():
    net = nn.Sequential(nn.ReLU())
    for layer in (net, nn.Sequential(nn.Sequential(net))):
        with pytest.raises(rl.ModuleError, match="layer 1 holds this Sequential"):
            net.append(layer)
    assert len(net) == 1
