"""Sequential, ModuleList, ModuleDict, Flatten, Unflatten, Identity."""

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


@pytest.mark.parametrize("kind", [lambda layers: nn.Sequential(*layers), nn.ModuleList])
def test_layers_come_and_go_as_in_a_list(kind):
    wanted = [nn.Linear(2, 2), nn.ReLU(), nn.Tanh()]
    layers = kind(wanted)
    for change in (
        lambda x: x.append(nn.Identity()),
        lambda x: x.insert(0, nn.Flatten()),
        lambda x: x.insert(-1, nn.GELU()),
        lambda x: x.extend([nn.SiLU(), nn.ReLU()]),
        lambda x: x.pop(),
        lambda x: x.pop(0),
        lambda x: x.__setitem__(1, nn.Softmax()),
        lambda x: x.__setitem__(-1, nn.Mish()),
        lambda x: x.__delitem__(0),
        lambda x: x.__delitem__(slice(1, 3)),
    ):
        change(layers)
        change(wanted)
        assert [type(x) for x in layers] == [type(x) for x in wanted]
        assert [name for name, _ in layers.named_children()] == [*map(str, range(len(wanted)))]
        assert len(layers) == len(wanted)
    assert [type(x) for x in layers[:2]] == [type(x) for x in wanted[:2]]
    assert type(layers[:2]) is type(layers)
    for wrong in (9, -9):
        with pytest.raises(rl.BoundsError, match=f"and none at {wrong}"):
            layers.pop(wrong)


def test_what_is_no_layer_leaves_a_list_as_it_was():
    layers = nn.ModuleList([nn.ReLU()])
    with pytest.raises(rl.ModuleError, match="layer 2 is of type int, no Module"):
        layers.extend([nn.Tanh(), 3])
    with pytest.raises(rl.ModuleError, match="layer 0 holds this ModuleList"):
        layers.insert(0, nn.Sequential(layers))
    with pytest.raises(rl.ModuleError, match="it takes a list of layers, not Linear"):
        layers.extend(nn.Linear(1, 1))
    assert [type(x) for x in layers] == [nn.ReLU]


class Stack(nn.Module):
    def __init__(self, layers):
        self.layers = layers

    def forward(self, x):
        layers = self.layers.values() if isinstance(self.layers, nn.ModuleDict) else self.layers
        for layer in layers:
            x = layer(x)
        return x


@pytest.mark.parametrize(
    ("layers", "add", "remove"),
    [
        (nn.ModuleList([nn.Linear(2, 2)]), nn.ModuleList.append, nn.ModuleList.pop),
        (
            nn.ModuleDict({"a": nn.Linear(2, 2)}),
            lambda layers, layer: layers.update({"b": layer}),
            nn.ModuleDict.clear,
        ),
    ],
)
def test_a_compiled_model_notices_what_changes_in_its_lists_and_dicts(layers, add, remove):
    model, x = Stack(layers), rl.ones(1, 2)
    run = rl.compile(model)
    np.testing.assert_allclose(run(x).numpy(), model(x).numpy(), rtol=1e-5)
    add(layers, nn.Linear(2, 2))
    np.testing.assert_allclose(run(x).numpy(), model(x).numpy(), rtol=1e-5)
    remove(layers)
    np.testing.assert_allclose(run(x).numpy(), model(x).numpy(), rtol=1e-5)


def test_layers_are_kept_by_name():
    layers = nn.ModuleDict({"up": nn.Linear(2, 3)})
    layers["down"] = nn.Linear(3, 2)
    layers.update([("act", nn.ReLU())])
    assert list(layers) == list(layers.keys()) == ["up", "down", "act"]
    assert [type(x) for x in layers.values()] == [nn.Linear, nn.Linear, nn.ReLU]
    assert dict(layers.items())["up"] is layers["up"]
    assert "up" in layers and "left" not in layers and len(layers) == 3
    assert list(layers.state_dict()) == ["up.weight", "up.bias", "down.weight", "down.bias"]
    assert isinstance(layers.pop("act"), nn.ReLU)
    del layers["up"]
    assert list(layers) == ["down"]
    layers.clear()
    assert len(layers) == 0 and repr(layers) == "ModuleDict()"


@pytest.mark.parametrize("name", ["", "a.b", "keys", "parameters", "training", 3, None])
def test_names_that_no_layer_can_have_are_refused(name):
    layers = nn.ModuleDict()
    with pytest.raises(rl.ModuleError, match="a layer cannot be called"):
        layers.update({"fine": nn.ReLU(), name: nn.ReLU()})
    assert len(layers) == 0


def test_a_name_that_is_not_there_gets_the_nearest():
    with pytest.raises(rl.BoundsError, match="there is no layer 'heads'"):
        nn.ModuleDict({"head": nn.ReLU()})["heads"]
    with pytest.raises(rl.ModuleError, match="it takes a dict of layers, not int"):
        nn.ModuleDict().update(3)


def test_unflatten_splits_an_axis():
    x = rl.ones(2, 6, 3)
    assert nn.Unflatten(1, (2, 3))(x).shape == (2, 2, 3, 3)
    assert nn.Unflatten(-1, (3, 1))(x).shape == (2, 6, 3, 1)
    assert nn.Unflatten(1, (-1, 2, 1))(x).shape == (2, 3, 2, 1, 3)
    assert nn.Unflatten(0, (0, 4))(rl.ones(0, 2)).shape == (0, 4, 2)
    for wrong in ((4, 2), (-1, -1), (-1, 4), (-2, -3), ()):
        with pytest.raises(rl.ShapeError, match="axis 1 of size 6 does not split into"):
            nn.Unflatten(1, wrong)(x)
