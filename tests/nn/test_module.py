"""What every module does: find its parts, say where errors arise, train and evaluate."""

import copy
import gc
import pickle
import weakref

import numpy as np
import pytest

import rushlight as rl
from rushlight import nn
from rushlight.nn.module import REGISTRY, register


class Encoder(nn.Module):
    """Does not call super().__init__()."""

    def __init__(self, width):
        self.linear = nn.Linear(width, 2)

    def forward(self, x):
        return self.linear(x)


class Net(nn.Module):
    def __init__(self, width=3):
        super().__init__()
        self.scale = nn.Parameter([2.0])
        self.encoder = nn.Sequential(Encoder(width), nn.ReLU())
        self.buffer("calls", rl.zeros(1))

    def forward(self, x):
        self.calls = self.calls + 1.0
        return self.encoder(x) * self.scale


def names(named):
    return [name for name, _ in named]


def test_parts_are_found_by_assignment():
    net = Net()
    weights = ["scale", "encoder.0.linear.weight", "encoder.0.linear.bias"]
    assert names(net.named_parameters()) == weights
    assert names(net.named_buffers()) == ["calls"]
    assert list(net.state_dict()) == [*weights, "calls"]
    paths = ["", "encoder", "encoder.0", "encoder.0.linear", "encoder.1"]
    assert names(net.named_modules()) == paths
    assert [type(module).__name__ for module in net.children()] == ["Sequential"]


def test_parts_are_found_in_lists_tuples_and_dicts():
    class Holder(nn.Module):
        def __init__(self):
            self.blocks = []
            for _ in range(2):
                self.blocks.append(nn.Linear(1, 1, bias=False))
            self.pair = (nn.ReLU(), [nn.Linear(1, 1, bias=False)])
            self.heads = {"spam": nn.Linear(1, 1, bias=False)}
            self.factors = [nn.Parameter([1.0])]
            self.words = ["a", "b"]

        def forward(self, x):
            for block in self.blocks:
                x = block(x)
            return self.heads["spam"](self.pair[1][0](x))

    holder = Holder()
    assert set(holder.state_dict()) == {
        "blocks.0.weight",
        "blocks.1.weight",
        "pair.1.0.weight",
        "heads.spam.weight",
        "factors.0",
    }
    holder.eval()
    assert not holder.blocks[1].training
    holder.blocks[1] = nn.Linear(3, 1)
    with pytest.raises(rl.ShapeError, match=r"in blocks\.1$"):
        holder(rl.ones(1, 1))


def test_a_module_may_hold_what_holds_it():
    outer, inner = Net(), nn.ReLU()
    outer.inner = inner
    inner.outer = outer
    assert len(list(outer.modules())) == 6
    assert "..." in repr(outer)


def test_a_shared_parameter_is_given_once_under_its_first_path():
    first, second = nn.Linear(2, 2), nn.Linear(2, 2)
    second.weight = first.weight
    net = nn.Sequential(first, second, first)
    assert names(net.named_parameters()) == ["0.weight", "0.bias", "1.bias"]
    assert names(net.named_modules()) == ["", "0", "1"]
    assert len(net) == 3
    net(rl.ones(1, 2)).sum().backward()
    assert first.weight.grad is second.weight.grad


def test_none_takes_a_parameter_away_and_a_parameter_takes_its_place_again():
    layer = nn.Linear(2, 3)
    layer.bias = None
    assert names(layer.named_parameters()) == ["weight"]
    assert layer(rl.ones(1, 2)).shape == (1, 3)
    layer.bias = nn.Parameter(rl.zeros(3))
    assert names(layer.named_parameters()) == ["weight", "bias"]
    assert layer.bias.shape == (3,)


def test_a_parameter_may_become_a_module_and_be_deleted():
    net = Net()
    net.scale = nn.Identity()
    assert "scale" in names(net.named_modules())
    del net.scale
    assert names(net.named_parameters()) == ["encoder.0.linear.weight", "encoder.0.linear.bias"]
    with pytest.raises(AttributeError, match="has no attribute 'scale'"):
        _ = net.scale


def test_a_plain_tensor_does_not_silently_replace_a_parameter():
    layer = nn.Linear(1, 1)
    with pytest.raises(rl.ModuleError) as caught:
        layer.weight = layer.weight * 2.0
    assert str(caught.value) == (
        "weight is a parameter, and a plain tensor would not be trained or saved\n"
        "  hint: self.weight.assign(tensor) changes its values"
    )
    assert names(layer.named_parameters()) == ["weight", "bias"]


@pytest.mark.parametrize("name", ["forward", "train", "training", "_training", "state_dict"])
def test_a_part_does_not_hide_a_method_of_every_module(name):
    for part in (nn.ReLU(), nn.Parameter([1.0])):
        with pytest.raises(rl.ModuleError, match=f"{name} is a part of every Module already"):
            setattr(nn.Identity(), name, part)
    with pytest.raises(rl.ModuleError, match="is a part of every Module already"):
        nn.Identity().buffer(name, rl.zeros(1))


def test_assigning_to_a_buffer_changes_its_values_also_in_a_trace():
    net = Net()
    calls = net.calls
    net(rl.ones(1, 3))
    run = rl.compile(net)
    run(rl.ones(1, 3))
    run(rl.ones(1, 3))
    assert net.calls is calls
    assert calls.item() == 3.0


def test_a_buffer_is_a_tensor():
    with pytest.raises(rl.ModuleError, match="buffer 'n' must be a tensor, not float"):
        nn.Identity().buffer("n", 1.0)


def test_a_deleted_buffer_is_no_buffer_any_more():
    net = Net()
    del net.calls
    net.calls = rl.ones(1)
    assert names(net.named_buffers()) == []


def test_an_unknown_attribute_gets_the_nearest_name():
    with pytest.raises(AttributeError, match=r"Net has no attribute 'encodr'; did you mean encod"):
        _ = Net().encodr


def test_training_and_evaluation_reach_every_layer():
    net = Net()
    assert all(module.training for module in net.modules())
    assert net.eval() is net
    assert not any(module.training for module in net.modules())
    net.encoder.train()
    assert [module.training for module in net.modules()] == [False, True, True, True, True]
    net.encoder.training = False
    assert [module.training for module in net.modules()] == [False, False, True, True, True]


def test_a_compiled_model_notices_training_and_evaluation():
    net = nn.Sequential(nn.Dropout(0.5), nn.BatchNorm(1))
    run = rl.compile(net)
    x = rl.ones(64, 1)
    for _ in range(2):
        assert len(np.unique(run(x).numpy())) == 2
        net.eval()
        assert len(np.unique(run(x).numpy())) == 1
        np.testing.assert_array_equal(run(x).numpy(), net(x).numpy())
        net.train()
    assert len(run.graphs) == 2


def test_a_compiled_model_notices_new_parts():
    net = nn.Sequential(nn.Linear(2, 2), nn.ReLU())
    run = rl.compile(net)
    x = rl.ones(1, 2)
    run(x)
    net[0].bias = None
    np.testing.assert_array_equal(run(x).numpy(), net(x).numpy())
    setattr(net, "1", nn.Identity())
    np.testing.assert_array_equal(run(x).numpy(), net(x).numpy())
    net.cast("float64")
    assert run(x).dtype.name == "float64"


def test_a_compiled_model_notices_frozen_parameters():
    layer = nn.Linear(2, 1)

    @rl.compile
    def step(x):
        layer(x).sum().backward()

    step(rl.ones(1, 2))
    layer.requires_grad_(False)
    with pytest.raises(rl.GradientError):
        step(rl.ones(1, 2))


def test_what_forward_keeps_for_itself_needs_no_new_trace():
    class Keeper(nn.Module):
        def forward(self, x):
            self.calls = getattr(self, "calls", 0) + 1
            self.last_shape = x.shape
            return x * 2.0

    keeper = Keeper()
    run = rl.compile(keeper)
    for _ in range(3):
        run(rl.ones(2))
    assert keeper.calls == 1


def test_gradients_are_switched_off_and_forgotten():
    net = Net()
    net(rl.ones(1, 3)).sum().backward()
    assert net.scale.grad is not None
    net.zero_grad()
    assert [parameter.grad for parameter in net.parameters()] == [None] * 3
    net.requires_grad_(False)
    assert not net(rl.ones(1, 3)).requires_grad


def test_casting_keeps_tensors_and_what_they_share():
    first, second = nn.Linear(2, 2), nn.Linear(2, 2)
    second.weight = first.weight
    net = nn.Sequential(first, nn.BatchNorm(2), second)
    weight = first.weight
    assert net.to("float64") is net
    assert first.weight is weight is second.weight
    assert {tensor.dtype.name for tensor in net.state_dict().values()} == {"float64"}
    assert net(rl.ones(3, 2, dtype="float64")).dtype.name == "float64"
    assert net.to("cpu").cast("float32")(rl.ones(3, 2)).dtype.name == "float32"
    with pytest.raises(rl.DTypeError, match="the parameters of a module are floats, not int64"):
        net.cast("int64")
    with pytest.raises(rl.DeviceError, match="cuda"):
        net.to("cuda")


def test_a_copy_is_independent():
    net = Net()
    net.alias = net.scale
    net(rl.ones(1, 3))
    other = copy.deepcopy(net)
    assert repr(other) == repr(net)
    assert isinstance(other.scale, nn.Parameter) and other.alias is other.scale
    assert other.calls.item() == 1.0
    for (name, ours), theirs in zip(
        net.state_dict().items(), other.state_dict().values(), strict=True
    ):
        np.testing.assert_array_equal(ours.numpy(), theirs.numpy())
        assert not np.shares_memory(ours.numpy(), theirs.numpy()), name
        assert (ours.name, ours.requires_grad) == (theirs.name, theirs.requires_grad)
    other.scale.assign([5.0])
    other.encoder[0].linear.bias = None
    assert net.scale.item() == 2.0
    assert net.encoder[0].linear.bias is not None


def test_a_module_can_be_pickled_for_another_process():
    layer = nn.Sequential(nn.Linear(2, 2), nn.BatchNorm(2).eval())
    other = pickle.loads(pickle.dumps(layer))
    x = rl.ones(3, 2)
    np.testing.assert_array_equal(other.eval()(x).numpy(), layer.eval()(x).numpy())
    assert names(other.named_buffers()) == ["1.running_mean", "1.running_var"]


def test_a_module_that_nobody_holds_is_freed():
    net = Net()
    net(rl.ones(1, 3)).sum().backward()
    gone = weakref.ref(net)
    del net
    gc.collect()
    assert gone() is None


def test_an_error_names_the_path_of_the_layer_and_the_line_that_called_it():
    with pytest.raises(rl.ShapeError) as caught:
        Net()(rl.ones(2, 4))
    text = str(caught.value)
    assert text.startswith("linear: the input should end in 3 features; its last axis is 4\n")
    assert "  x       float32 (2, 4)\n  weight  float32 (2, 3)\n" in text
    assert "  at test_module.py:" in text
    assert text.endswith(", in encoder.0.linear")


def test_an_error_names_the_path_when_a_method_calls_a_part():
    class Outer(nn.Module):
        def __init__(self):
            self.net = Net()

        def forward(self, x):
            return self.net.encoder[0].linear(x)

    outer = Outer()
    with pytest.raises(rl.ShapeError, match=r"in net\.encoder\.0\.linear$"):
        outer(rl.ones(2, 4))
    with pytest.raises(rl.ShapeError, match=r"in encoder\.0\.linear$"):
        outer.net.encoder(rl.ones(2, 4))


def test_an_error_raised_in_a_forward_of_the_users_names_the_layer():
    class Picky(nn.Module):
        def forward(self, x):
            raise rl.ShapeError("too small", hint="take more")

    with pytest.raises(rl.ShapeError) as caught:
        nn.Sequential(nn.ReLU(), nn.Sequential(Picky()))(rl.ones(1))
    first, place, hint = str(caught.value).splitlines()
    assert (first, hint) == ("too small", "  hint: take more")
    assert place.startswith("  at test_module.py:") and place.endswith(", in 1.0")


def test_another_error_raised_in_a_forward_gets_a_note_of_the_layer():
    class Broken(nn.Module):
        def forward(self, x):
            raise ZeroDivisionError("division by zero")

    with pytest.raises(ZeroDivisionError) as caught:
        nn.Sequential(nn.ReLU(), nn.Sequential(Broken()))(rl.ones(1))
    assert caught.value.__notes__ == ["in layer 1.0"]


def test_after_an_error_no_layer_counts_as_called():
    with pytest.raises(rl.ShapeError):
        Net()(rl.ones(2, 4))
    with pytest.raises(rl.ShapeError) as caught:
        rl.ones(2, 3) @ rl.ones(2, 3)
    assert ", in " not in str(caught.value)


def test_a_module_without_forward_says_so():
    class Empty(nn.Module):
        pass

    with pytest.raises(rl.ModuleError, match="Empty has no forward method"):
        Empty()(rl.ones(1))


def test_a_wrong_argument_gets_the_signature():
    with pytest.raises(rl.ModuleError) as caught:
        nn.Linear(in_features=3, out_features=2)
    first, place, hint = str(caught.value).splitlines()
    assert first == "Linear: missing a required argument: 'inputs'"
    assert place.startswith("  at test_module.py:")
    assert hint == "  hint: Linear(inputs, outputs, bias=True, init=None)"
    with pytest.raises(rl.ModuleError, match="ReLU: got an unexpected keyword argument 'inplace'"):
        nn.ReLU(inplace=True)
    with pytest.raises(rl.ModuleError, match="ReLU: too many positional arguments"):
        nn.ReLU(3)


def test_the_outermost_constructors_arguments_are_remembered():
    class Fixed(nn.Linear):
        def __init__(self):
            super().__init__(4, 2, bias=False)

    class Named(nn.Linear):
        def __init__(self, name, *sizes, **options):
            super().__init__(*sizes, **options)
            self.name = name

    inner = nn.ReLU()
    assert Fixed().arguments == {}
    named = Named("one", 4, 2, bias=False)
    assert named.arguments == {"name": "one", "sizes": (4, 2), "bias": False}
    assert named.name == "one"
    assert nn.Sequential(inner).arguments == {"layers": (inner,)}
    assert nn.Linear(np.int64(4), outputs=2).arguments == {"inputs": 4, "outputs": 2}
    assert type(nn.Linear(np.int64(4), 2).arguments["inputs"]) is int


def test_the_repr_shows_arguments_and_parts():
    class Wrapped(nn.Module):
        def __init__(self, inner, size, *, deep=False, values=None):
            self.inner = inner

    assert repr(nn.Linear(3, 2)) == "Linear(3, 2)"
    assert repr(nn.Linear(3, outputs=2, bias=False)) == "Linear(3, 2, bias=False)"
    assert repr(nn.Dropout(0.1)) == "Dropout(p=0.1)"
    assert repr(Net(4)) == (
        "Net(width=4,\n"
        "  (encoder): Sequential(\n"
        "    (0): Encoder(4,\n"
        "      (linear): Linear(4, 2)\n"
        "    )\n"
        "    (1): ReLU()\n"
        "  )\n"
        ")"
    )
    text = repr(Wrapped(nn.ReLU(), 7, deep=True, values=np.zeros((100, 100))))
    assert text == "Wrapped(7, deep=True, values=float64 (100, 100),\n  (inner): ReLU()\n)"


def test_a_subclass_is_not_registered_with_its_base():
    class Mine(nn.Linear):
        pass

    assert nn.Linear.registered and not Mine.registered


def test_two_classes_are_not_registered_under_one_name():
    class Linear(nn.Module):
        pass

    with pytest.raises(rl.ModuleError, match=r"rushlight\.nn\.linear has registered a layer Lin"):
        register(Linear)
    assert REGISTRY["Linear"] is nn.Linear


def test_a_parameter_is_a_float_tensor_without_a_past():
    base = rl.ones(2, requires_grad=True)
    parameter = nn.Parameter(base * 2.0)
    assert parameter.is_leaf and parameter.requires_grad
    assert not nn.Parameter([1.0], requires_grad=False).requires_grad
    assert repr(parameter) == "parameter([2., 2.])"
    with pytest.raises(rl.DTypeError, match="only floats have gradients, not int64"):
        nn.Parameter([1, 2])


class Holder(nn.Module):
    def __init__(self, parts):
        self.parts = parts

    def forward(self, x):
        parts = self.parts.values() if isinstance(self.parts, dict) else self.parts or []
        for part in parts:
            x = part(x) if isinstance(part, nn.Module) else x * part
        return x


def test_a_compiled_model_notices_what_changes_in_its_containers():
    holder = Holder([nn.Linear(2, 2), nn.Parameter([2.0])])
    run, x = rl.compile(holder), rl.ones(1, 2)

    def check(graphs):
        np.testing.assert_array_equal(run(x).numpy(), holder(x).numpy())
        assert len(run.graphs) == graphs

    check(1)
    check(1)
    holder.parts[0] = nn.Linear(2, 2)
    check(2)
    holder.parts[1] = nn.Parameter([3.0])
    check(3)
    holder.parts.append(nn.ReLU())
    check(4)
    holder.parts = {"only": nn.Linear(2, 2)}
    check(5)
    holder.parts["only"] = nn.Linear(2, 2)
    check(6)
    holder.parts = None
    check(7)
    check(7)


def test_a_list_that_takes_the_place_of_a_layer_is_searched():
    holder = Holder(nn.Identity())
    run, x = rl.compile(lambda x: holder(x)), rl.ones(1, 2)
    holder.parts = [nn.Linear(2, 2)]
    assert list(holder.state_dict()) == ["parts.0.weight", "parts.0.bias"]
    first = run(x)
    holder.parts[0] = nn.Linear(2, 2)
    np.testing.assert_array_equal(run(x).numpy(), holder(x).numpy())
    assert np.abs(run(x).numpy() - first.numpy()).max() > 0


def dotted():
    holder = Holder(nn.Linear(2, 2))
    setattr(holder, "parts.weight", nn.Parameter([1.0]))
    return holder


def keyed():
    return Holder({1: nn.Linear(2, 2), "1": nn.Linear(2, 2)})


@pytest.mark.parametrize(("make", "name"), [(dotted, "parts.weight"), (keyed, "parts.1.weight")])
def test_two_tensors_of_one_name_are_refused(make, name):
    with pytest.raises(rl.ModuleError, match=f"two tensors of Holder have the name {name}"):
        make().state_dict()


def test_a_frozen_layer_is_a_fixed_function():
    net = nn.Sequential(nn.BatchNorm(2), nn.Dropout(0.5), nn.Linear(2, 1))
    net[:2].freeze()
    x = rl.tensor([[1.0, 2.0], [3.0, 5.0]])
    net.train()
    assert [layer.training for layer in net] == [False, False, True]
    np.testing.assert_allclose(net[1](net[0](x)).numpy(), x.numpy(), rtol=1e-4)
    assert net[0].running_mean.tolist() == [0.0, 0.0]
    optimizer = rl.optim.SGD([p for p in net.parameters() if p.requires_grad], lr=0.1)
    before = net[2].weight.numpy()
    optimizer.backward_step(net(x).sum())
    assert net[0].weight.tolist() == [1.0, 1.0] and net[0].weight.grad is None
    assert np.abs(net[2].weight.numpy() - before).max() > 0


def test_what_was_frozen_trains_again():
    net = nn.Sequential(nn.BatchNorm(2), nn.Sequential(nn.BatchNorm(2)))
    net.freeze()[1].unfreeze()
    assert [layer.frozen for layer in net.modules()] == [True, True, False, False]
    net.unfreeze()
    assert all(p.requires_grad for p in net.parameters())
    assert all(layer.training for layer in net.modules())
    net.eval().freeze().unfreeze()
    assert not any(layer.training for layer in net.modules())


def test_a_compiled_model_notices_that_a_layer_is_frozen():
    layer, x = nn.BatchNorm(2), rl.tensor([[1.0, 2.0], [3.0, 5.0]])
    run = rl.compile(layer)
    run(x)
    layer.freeze()
    moved = layer.running_mean.tolist()
    np.testing.assert_allclose(run(x).numpy(), layer(x).numpy(), rtol=1e-6)
    assert layer.running_mean.tolist() == moved
    layer.unfreeze()
    run(x)
    assert layer.running_mean.tolist() != moved


def test_apply_reaches_every_layer_once_inner_ones_first():
    shared, names = nn.ReLU(), []
    net = nn.Sequential(shared, nn.Sequential(nn.Linear(1, 1), shared))
    assert net.apply(lambda layer: names.append(type(layer).__name__)) is net
    assert names == ["ReLU", "Linear", "Sequential", "Sequential"]


def test_parameters_are_counted_once_each():
    linear = nn.Linear(4, 2)
    net = nn.Sequential(linear, nn.Linear(2, 4), linear)
    assert net.num_parameters() == 10 + 12
    linear.freeze()
    assert net.num_parameters(trained_only=True) == 12
