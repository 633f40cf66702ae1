"""What a trace took for granted: a compiled function notices when it changes."""

import copy
import functools
from types import SimpleNamespace
from typing import Any

import pytest

import rushlight as rl

SCALE = 2.0
LAYER = rl.nn.Linear(1, 1, bias=False)
TENSOR = rl.tensor([1.0])
SETTINGS = SimpleNamespace(scale=2.0, unread=1)


def scaled(x: rl.Tensor) -> rl.Tensor:
    return x * SCALE


def compiled(function: Any) -> Any:
    return rl.compile(function, native=False)


def test_a_global_number_that_changes_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    direct = compiled(lambda x: x * SCALE)
    through = compiled(lambda x: scaled(x))
    inner = compiled(lambda x: (lambda y: y * SCALE)(x))
    partial = compiled(functools.partial(scaled))
    functions = [direct, through, inner, partial]
    assert [f(rl.ones(1)).item() for f in functions] == [2.0] * 4
    monkeypatch.setitem(globals(), "SCALE", 3.0)
    assert [f(rl.ones(1)).item() for f in functions] == [3.0] * 4
    monkeypatch.setitem(globals(), "SCALE", 2.0)
    assert [f(rl.ones(1)).item() for f in functions] == [2.0] * 4
    assert [len(f.graphs) for f in functions] == [2] * 4


def test_a_global_that_becomes_another_tensor_or_layer_is_seen(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    run = compiled(lambda x: LAYER(x) * TENSOR)
    run(rl.ones(1, 1))
    monkeypatch.setitem(globals(), "TENSOR", rl.tensor([0.0]))
    assert run(rl.ones(1, 1)).item() == 0.0
    monkeypatch.setitem(globals(), "TENSOR", rl.tensor([1.0]))
    other = copy.deepcopy(LAYER)
    other.weight.assign([[7.0]])
    monkeypatch.setitem(globals(), "LAYER", other)
    assert run(rl.ones(1, 1)).item() == 7.0


def test_a_closure_variable_that_changes_is_seen() -> None:
    factor: Any = 2.0
    tensor = rl.tensor([5.0])
    run = compiled(lambda x: x * factor * tensor)
    assert run(rl.ones(1)).item() == 10.0
    factor = 3
    assert run(rl.ones(1)).item() == 15.0
    tensor = rl.tensor([1.0])
    assert run(rl.ones(1)).item() == 3.0


def test_a_closure_variable_that_is_gone_is_seen() -> None:
    def make() -> Any:
        factor = 2.0

        def forget() -> None:
            nonlocal factor
            del factor

        return compiled(lambda x: x * factor), forget

    run, forget = make()
    run(rl.ones(1))
    forget()
    with pytest.raises(NameError, match="factor"):
        run(rl.ones(1))


def test_a_value_that_is_made_anew_but_means_the_same_is_no_change() -> None:
    number = float("1.5")
    shape: Any = (1, int("1000"))
    run = compiled(lambda x: x.broadcast_to(shape) * number)
    run(rl.ones(1, 1))
    number, shape = float("1.5"), (1, int("1000"))
    run(rl.ones(1, 1))
    assert len(run.graphs) == 1
    number = -0.0
    assert str(run(rl.ones(1, 1))[0, 0].item()) == "-0.0"
    number = 0.0
    assert str(run(rl.ones(1, 1))[0, 0].item()) == "0.0"


def test_an_attribute_that_the_code_names_is_seen_and_others_do_not_matter(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    run = compiled(lambda x: x * SETTINGS.scale)
    run(rl.ones(1))
    monkeypatch.setattr(SETTINGS, "unread", 2)
    run(rl.ones(1))
    assert len(run.graphs) == 1
    monkeypatch.setattr(SETTINGS, "scale", 4.0)
    assert run(rl.ones(1)).item() == 4.0


class Trainer:
    def __init__(self) -> None:
        self.rate = 2.0
        self.steps = 0

    def helper(self, x: rl.Tensor) -> rl.Tensor:
        return x * self.rate

    def step(self, x: rl.Tensor) -> rl.Tensor:
        return self.helper(x)


def test_the_attributes_of_a_methods_object_are_seen_through_other_methods() -> None:
    trainer = Trainer()
    run = compiled(trainer.step)
    for _ in range(3):
        assert run(rl.ones(1)).item() == 2.0
        trainer.steps += 1
    assert len(run.graphs) == 1
    trainer.rate = 5.0
    assert run(rl.ones(1)).item() == 5.0


class Scaled(rl.nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.factor = 2.0
        self.shift = rl.tensor([0.0])
        self.act = rl.nn.functional.relu

    def forward(self, x: rl.Tensor) -> rl.Tensor:
        return self.act(x * self.factor + self.shift)


def test_the_settings_of_a_layer_are_seen() -> None:
    layer = Scaled()
    run = compiled(rl.nn.Sequential(layer))
    assert run(rl.ones(1)).item() == 2.0
    layer.factor = 3.0
    assert run(rl.ones(1)).item() == 3.0
    layer.shift = rl.tensor([1.0])
    assert run(rl.ones(1)).item() == 4.0
    layer.act = rl.nn.functional.sigmoid
    assert run(rl.zeros(1)).item() == pytest.approx(0.7310586)
    dropout = rl.nn.Dropout(0.5)
    run = compiled(dropout)
    assert 0.0 in run(rl.ones(100))
    dropout.p = 0.0
    assert 0.0 not in run(rl.ones(100))


@pytest.mark.parametrize("inside", [True, False])
def test_the_settings_of_an_optimiser_are_seen(inside: bool) -> None:
    w = rl.tensor([1.0], requires_grad=True)
    optimizer = rl.optim.SGD([w], lr=0.5)
    holder = [optimizer]

    def step() -> None:
        one = optimizer if inside else holder[0]
        one.backward_step((w * 0.0).sum())

    run = compiled(step)
    run()
    assert w.item() == 1.0
    optimizer.weight_decay = 1.0
    run()
    assert w.item() == 0.5


def test_a_counter_that_the_function_itself_moves_is_no_change() -> None:
    layer = Scaled()
    calls = 0

    def counted(x: rl.Tensor) -> rl.Tensor:
        nonlocal calls
        calls += 1
        layer.calls = getattr(layer, "calls", 0) + 1
        return layer(x)

    run = compiled(counted)
    for _ in range(3):
        run(rl.ones(1))
        calls += 1
    assert len(run.graphs) == 1


def test_a_traced_tensor_that_is_kept_is_refused_by_name_and_line() -> None:
    class Recurrent(Scaled):
        def forward(self, x: rl.Tensor) -> rl.Tensor:
            self.shift = super().forward(x)
            return self.shift

    layer = Recurrent()
    with pytest.raises(rl.TraceError, match="shift was set to a traced tensor") as caught:
        compiled(layer)(rl.ones(1))
    assert "tensor.assign(values)" in str(caught.value.hint)
    assert str(caught.value.source).startswith("test_guards.py:")
    last = None

    def keeps(x: rl.Tensor) -> rl.Tensor:
        nonlocal last
        last = x * 2.0
        return last

    with pytest.raises(rl.TraceError, match="last was set to a traced tensor"):
        compiled(keeps)(rl.ones(1))
