"""Constructors and their arguments go through JSON; what does not fit is found out."""

from collections.abc import Sequence
from typing import Any, Literal, Optional

import numpy as np
import pytest

import rushlight as rl
from rushlight.core.errors import FormatError, ModuleError
from rushlight.formats.module_json import difference, fits, module_from_json, module_to_json
from rushlight.formats.plain import read_json, write_json
from rushlight.nn.module import Module, register


@register
class Everything(Module):
    """A registered layer whose constructor takes every kind of argument."""

    def __init__(
        self,
        first: Any,
        /,
        second: Any = 2,
        *rest: Any,
        third: Any = (1, (2, 3)),
        fourth: Any = rl.float16,
        **more: Any,
    ) -> None:
        self.given = [first, second, rest, third, fourth, more]


def again(module: Module) -> Module:
    return module_from_json(read_json(write_json(module_to_json(module)), "the model"), 0, 0)


@pytest.mark.parametrize(
    "module",
    [
        Everything(1),
        Everything(1, 2, 3, 4, third=None, extra={"a": [1.5, "x"]}, dict={}),
        Everything([], second=True, fourth=rl.bool_, other=(float("inf"), float("-inf"))),
        Everything(rl.nn.ReLU(), rl.nn.Softmax(0), {"inner": [rl.nn.Tanh(), Everything("x")]}),
        Everything(np.float64(0.5), np.int64(3), np.bool_(True)),
        Everything(first := {"module": "Linear", "dtype": "int8", "float": "nan"}, first),
    ],
    ids=["defaults", "rest and more", "dtypes", "modules", "NumPy numbers", "dicts like tags"],
)
def test_every_kind_of_argument_comes_back(module: Everything) -> None:
    rebuilt = again(module)
    assert difference(module, rebuilt) is None
    assert module_to_json(rebuilt) == module_to_json(module)


def test_a_nan_comes_back_as_one() -> None:
    assert np.isnan(again(Everything(float("nan"))).given[0])


def test_defaults_are_written_out_lest_they_change() -> None:
    assert module_to_json(Everything(1))["arguments"] == {
        "first": 1,
        "second": 2,
        "third": [1, [2, 3]],
        "fourth": {"dtype": "float16"},
    }


@pytest.mark.parametrize(
    ("value", "fact"),
    [
        (rl.ones(2), "the model.first is of type Tensor, which JSON cannot say"),
        ([0, np.ones(2)], "the model.first[1] is of type ndarray"),
        ({"a": {1, 2}}, "the model.first['a'] is of type set"),
        ({1: 2}, "the model.first is of type dict"),
        (rl.nn.Sequential, "the model.first is of type type"),
        (rl.nn.Sequential(Module()), "the model.first.layers[0] is of class Module"),
    ],
    ids=["a tensor", "an array", "a set", "a dict of numbers", "a class", "a module of no class"],
)
def test_arguments_that_json_cannot_say_are_named(value: Any, fact: str) -> None:
    with pytest.raises(ModuleError) as caught:
        module_to_json(Everything(value))
    assert fact in str(caught.value)


def test_building_takes_no_memory_and_draws_no_random_numbers() -> None:
    rl.manual_seed(4)
    wanted = rl.rand(3).tolist()
    rl.manual_seed(4)
    record = {"module": "Linear", "arguments": {"inputs": 10**9, "outputs": 10**8}}
    linear = module_from_json(record, 0, 2)
    assert linear.weight.shape == (10**8, 10**9)
    assert linear.weight.data.strides == (0, 0)
    assert rl.rand(3).tolist() == wanted


@register
class Greedy(Module):
    def __init__(self, count: int) -> None:
        for _ in range(count):
            rl.tensor(0.5)


def test_a_constructor_that_never_ends_making_tensors_is_stopped() -> None:
    assert isinstance(
        module_from_json({"module": "Greedy", "arguments": {"count": 99}}, 0, 0), Greedy
    )
    with pytest.raises(FormatError, match="the layers make many more tensors than the file holds"):
        module_from_json({"module": "Greedy", "arguments": {"count": 10**12}}, 0, 0)


@register
class Table(Module):
    """A layer with a tensor that is neither parameter nor buffer."""

    def __init__(self, random: bool = False) -> None:
        self.table = rl.rand(3) if random else rl.tensor([1.0, 2.0, 3.0])


def test_a_plain_tensor_is_compared_by_value() -> None:
    assert difference(Table(), again(Table())) is None
    changed = Table()
    changed.table = rl.tensor([1.0, 2.0, 4.0])
    said = "table of the model is not what its constructor makes"
    assert difference(changed, again(changed)) == said
    assert difference(Table(random=True), again(Table(random=True))) == said


class Loop(Module):
    def __init__(self) -> None:
        self.inner = rl.nn.ReLU()
        self.me = self


def test_a_module_inside_itself_is_compared_once() -> None:
    assert difference(Loop(), Loop()) is None


FITS = [
    (3, int, True),
    (True, int, False),
    (3.0, int, False),
    (3, float, True),
    (True, float, False),
    ("3", float, False),
    (1, bool, False),
    (False, bool, True),
    ("x", str, True),
    (None, str, False),
    (None, None, True),
    (None, Optional[int], True),  # noqa: UP045 - the old way of writing it counts as well
    (3, int | None, True),
    ("3", int | None, False),
    ((1, 2), Sequence[int], True),
    ((1, "2"), Sequence[int], False),
    ("12", Sequence[str], False),
    ((1, 2), list[int], True),
    ((1, 2), tuple[int, int], True),
    ((1, 2, 3), tuple[int, int], False),
    ((1, 2, 3), tuple[int, ...], True),
    ((), tuple[int, ...], True),
    ((1, "2"), list, True),
    ({"a": 1}, dict[str, int], True),
    ({"a": "1"}, dict[str, int], False),
    ((1,), dict[str, int], False),
    ("same", Literal["same", "valid"], True),
    ("full", Literal["same", "valid"], False),
    (1, Literal[True], False),
    (rl.nn.ReLU(), Module, True),
    (rl.nn.ReLU(), rl.nn.Linear, False),
    (3, Module, False),
    ((rl.nn.ReLU(),), Sequence[Module], True),
    (object(), Any, True),
    (3, "unknown", True),
]


@pytest.mark.parametrize(
    ("value", "hint", "fitting"), FITS, ids=[f"{type(v).__name__} for {h}" for v, h, _ in FITS]
)
def test_values_fit_the_types_that_a_constructor_names(
    value: Any, hint: Any, fitting: bool
) -> None:
    assert fits(value, hint) is fitting
