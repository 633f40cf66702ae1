"""The Tensor: how it is made, what it shows of itself, how it meets Python and NumPy."""

import copy
import math
import operator
import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import rushlight as rl
from rushlight.core.dtypes import DTYPES, DType
from rushlight.testing.compare import assert_identical

WIDE = [dtype for dtype in DTYPES if not dtype.is_half]


@pytest.mark.parametrize(
    ("data", "dtype", "shape"),
    [
        (1.5, "float32", ()),
        (3, "int64", ()),
        (True, "bool", ()),
        ([1.0, 2.0], "float32", (2,)),
        ([1, 2.0], "float32", (2,)),
        ([1, 2], "int64", (2,)),
        ([True, False], "bool", (2,)),
        ([True, 2], "int64", (2,)),
        ((1, 2), "int64", (2,)),
        ([], "float32", (0,)),
        ([[], []], "float32", (2, 0)),
        (range(3), "int64", (3,)),
        (np.zeros((2, 1)), "float64", (2, 1)),
        (np.zeros(2, np.float16), "float16", (2,)),
        (np.zeros(2, np.uint8), "uint8", (2,)),
        (np.zeros(0, np.int16), "int16", (0,)),
        (np.float64(1.5), "float64", ()),
        (np.int8(1), "int8", ()),
        ([np.float64(1.5)], "float64", (1,)),
        ([rl.tensor(1.0), rl.tensor(2.0)], "float32", (2,)),
        (rl.tensor([1, 2]), "int64", (2,)),
    ],
    ids=repr,
)
def test_data_has_a_default_dtype_and_its_own_shape(
    data: Any, dtype: str, shape: tuple[int, ...]
) -> None:
    x = rl.tensor(data)
    assert (x.dtype.name, x.shape) == (dtype, shape)
    assert (x.ndim, x.size, x.device) == (len(shape), math.prod(shape), "cpu")


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_a_tensor_is_made_in_any_dtype(dtype: DType) -> None:
    for data in ([1, 0], [1.0, 0.0], [True, False], np.array([1.0, 0.0]), np.array([1, 0])):
        x = rl.tensor(data, dtype=dtype)
        assert x.dtype is dtype
        assert [float(value) for value in x.tolist()] == [1.0, 0.0]
    assert rl.tensor(1, dtype=dtype).item() == rl.tensor(1.0, dtype=dtype).item() == 1


def test_float64_keeps_what_float32_would_lose() -> None:
    third = 1.0 / 3.0
    assert rl.tensor(third, dtype="float64").item() == third
    assert rl.tensor([third], dtype="float64").tolist() == [third]
    assert rl.tensor([[third, 1]], dtype=np.float64).tolist() == [[third, 1.0]]
    assert rl.full((1,), third, dtype="float64").tolist() == [third]
    assert (rl.ones(1, dtype="float64") * third).tolist() == [third]
    assert rl.tensor(2**53 + 1).item() == 2**53 + 1
    assert rl.full((1,), 2**53 + 1, dtype="int64").tolist() == [2**53 + 1]


@pytest.mark.parametrize("data", [300, -1, [1, 300], [[-1]]])
def test_python_numbers_that_do_not_fit_are_refused(data: Any) -> None:
    with pytest.raises(rl.DTypeError, match=r"(300|-1) does not fit uint8"):
        rl.tensor(data, dtype="uint8")


def test_numbers_beyond_every_dtype_are_refused() -> None:
    with pytest.raises(rl.DTypeError, match="does not fit int64"):
        rl.tensor(2**63)
    with pytest.raises(rl.DTypeError, match="does not fit float32"):
        rl.tensor(10**400, dtype="float32")
    assert rl.tensor([2**63]).dtype is rl.uint64
    assert rl.tensor(1e300).item() == math.inf


@pytest.mark.parametrize(
    ("data", "fact"),
    [
        ("abc", "a tensor holds numbers, not <U3"),
        (None, "a tensor holds numbers, not NoneType"),
        ([1, None], "a tensor holds numbers, not list"),
        ({1, 2}, "a tensor holds numbers, not set"),
        (1 + 2j, "a tensor holds numbers, not complex128"),
        (np.zeros(2, "datetime64[s]"), r"a tensor holds numbers, not datetime64\[s\]"),
        ([2**70], "a tensor holds numbers, not list"),
    ],
    ids=repr,
)
def test_what_is_made_of_no_numbers_is_refused(data: Any, fact: str) -> None:
    with pytest.raises(rl.DTypeError, match=fact):
        rl.tensor(data)


def test_nested_lists_of_differing_lengths_are_refused() -> None:
    with pytest.raises(rl.ShapeError, match="nested lists of differing lengths make no tensor"):
        rl.tensor([[1.0], [2.0, 3.0]])


def test_a_layer_that_gives_several_things_is_not_followed_by_one_that_takes_one() -> None:
    net = rl.nn.Sequential(rl.nn.LSTM(2, 3), rl.nn.Linear(3, 1))
    with pytest.raises(rl.ShapeError) as caught:
        net(rl.zeros(1, 4, 2))
    assert caught.value.hint == "take results apart first: outputs, state = layer(x)"


def test_the_data_is_copied() -> None:
    array = np.ones(2)
    x = rl.tensor(array)
    array[0] = 5.0
    assert x.tolist() == [1.0, 1.0]


def test_an_array_of_the_other_byte_order_becomes_this_machines() -> None:
    for order in "<>":
        x = rl.tensor(np.array([1.5, 2.0], f"{order}f4"))
        assert x.numpy().dtype.isnative
        assert x.tolist() == [1.5, 2.0]


@pytest.mark.parametrize("device", ["cuda", "cuda:0", "mps", "gpu", "cpu:1"])
def test_any_device_but_the_cpu_gives_the_same_clear_error(device: str) -> None:
    makers: list[Callable[[], Any]] = [
        lambda: rl.tensor([1.0], device=device),
        lambda: rl.zeros(2, device=device),
        lambda: rl.full((2,), 1.0, device=device),
        lambda: rl.ones(2).to(device),
    ]
    for make in makers:
        with pytest.raises(rl.DeviceError) as caught:
            make()
        assert f"there is no device '{device}': Rushlight computes on the CPU" in str(caught.value)
        assert 'use device="cpu"' in str(caught.value.hint)


def test_the_cpu_is_accepted_everywhere() -> None:
    x = rl.tensor([1.0], device="cpu")
    assert x.to("cpu") is x
    assert rl.zeros(2, device="cpu:0").device == "cpu"
    assert x.to("float64").dtype is rl.float64


# The value, the operation, and the dtype that PyTorch gives too.
NUMBERS = [
    (rl.float32, 2, "float32"),
    (rl.float32, 2.5, "float32"),
    (rl.float32, True, "float32"),
    (rl.float64, 2.5, "float64"),
    (rl.int64, 2, "int64"),
    (rl.int64, 2.5, "float32"),
    (rl.uint8, 2, "uint8"),
    (rl.uint8, 2.5, "float32"),
    (rl.int32, True, "int32"),
    (rl.bool_, 2, "int64"),
    (rl.bool_, 2.5, "float32"),
]


@pytest.mark.parametrize(("dtype", "number", "wanted"), NUMBERS)
def test_a_python_number_takes_the_dtype_of_the_tensor_beside_it(
    dtype: DType, number: float, wanted: str
) -> None:
    x = rl.ones(2, dtype=dtype)
    for y in (x + number, number + x, x * number, number * x):
        assert y.dtype.name == wanted
    np.testing.assert_array_equal((number + x).numpy(), np.full(2, number + 1.0))


def test_division_of_integers_is_in_float32() -> None:
    y = rl.tensor([1, 2]) / 2
    assert (y.dtype, y.tolist()) == (rl.float32, [0.5, 1.0])
    assert (1 / rl.tensor([4], dtype="uint8")).dtype is rl.float32


OPERATORS = [operator.add, operator.sub, operator.mul, operator.truediv, operator.pow]
COMPARISONS = [operator.eq, operator.ne, operator.lt, operator.le, operator.gt, operator.ge]


@pytest.mark.parametrize("op", OPERATORS + COMPARISONS, ids=lambda op: op.__name__)
def test_an_operator_takes_tensors_numbers_lists_and_arrays_on_either_side(op) -> None:
    array = np.array([1.0, 2.0, 4.0], np.float32)
    x = rl.tensor(array)
    other = np.array([2.0, 2.0, 0.5], np.float32)
    wanted, mirrored = op(array, other), op(other, array)
    for y in (op(x, rl.tensor(other)), op(x, other), op(x, other.tolist())):
        assert_identical(y.numpy(), wanted)
    for y in (op(other, x), op(rl.tensor(other), x), op(other.tolist(), x)):
        assert_identical(y.numpy(), mirrored)
    for number in (2.0, 2, np.float32(2.0)):
        np.testing.assert_array_equal(op(x, number).numpy(), op(array, np.float32(2.0)))
        np.testing.assert_array_equal(op(number, x).numpy(), op(np.float32(2.0), array))


def test_a_numpy_array_on_the_left_does_not_swallow_the_gradient() -> None:
    x = rl.ones(2, requires_grad=True)
    y = np.array([2.0, 3.0], np.float32) * x
    assert isinstance(y, rl.Tensor)
    y.sum().backward()
    assert x.grad.tolist() == [2.0, 3.0]
    assert (np.eye(2, dtype=np.float32) @ x).requires_grad
    assert (np.float32(2.0) * x).requires_grad


def test_logic_is_for_bools() -> None:
    a, b = rl.tensor([True, True, False]), rl.tensor([True, False, False])
    assert (a & b).tolist() == [True, False, False]
    assert (a | b).tolist() == [True, True, False]
    assert (~a).tolist() == [False, False, True]
    assert (a & True).tolist() == [True, True, False]
    assert (a == b).tolist() == [True, False, True]


@pytest.mark.parametrize("name", ["float16", "bfloat16"])
def test_half_floats_are_cast_and_moved_but_do_not_compute(name: str) -> None:
    x = rl.tensor([[1.0, -2.5], [0.5, 3.0]], dtype=name)
    assert x.dtype.name == name
    assert x.numpy().dtype == np.float32
    moved = rl.concat([x.T, x]).reshape(2, 4)[::-1]
    assert moved.dtype.name == name
    assert moved.tolist() == [[1.0, -2.5, 0.5, 3.0], [1.0, 0.5, -2.5, 3.0]]
    assert x.assign([[1.0, 2.0], [3.0, 4.0]]).tolist() == [[1.0, 2.0], [3.0, 4.0]]
    assert rl.tensor(0.0, dtype=name).assign(2.0).item() == 2.0
    assert rl.full((2,), 1.5, dtype=name).tolist() == [1.5, 1.5]
    for wrong in (lambda: x + x, lambda: x * 2.0, lambda: x < 1.0, x.sum, x.exp, lambda: x @ x):
        with pytest.raises(rl.DTypeError, match="cast to float32 first"):
            wrong()


def test_float16_rounds_as_numpy_does() -> None:
    values = np.array([0.1, 65504.0, 65520.0, 1e-8, -0.0, np.inf, np.nan, 2049.0], np.float32)
    with np.errstate(over="ignore"):
        wanted = values.astype(np.float16).astype(np.float32)
    assert_identical(rl.tensor(values).cast("float16").numpy(), wanted)


@pytest.mark.parametrize("source", [np.float32, np.float64])
def test_casts_to_bfloat16_and_back_are_those_of_pytorch(source: type) -> None:
    torch = pytest.importorskip("torch", reason="PyTorch is not here to compare with")
    random = np.random.default_rng(0)
    values = random.standard_normal(1000) * 10.0 ** random.integers(-40, 38, 1000)
    special = [0.0, -0.0, np.inf, -np.inf, np.nan, 1.00390625, 1.01171875, 3.4e38, 1e-45]
    values = np.concatenate([values, special]).astype(source)
    wanted = torch.from_numpy(values).to(torch.bfloat16).float().numpy()
    assert_identical(rl.tensor(values).cast("bfloat16").numpy(), wanted)


@pytest.mark.parametrize("source", WIDE, ids=str)
@pytest.mark.parametrize("target", WIDE, ids=str)
def test_casts_are_those_of_numpy(source: DType, target: DType) -> None:
    values = np.array([0, 1, 2, 100], source.storage)
    got = rl.tensor(values).cast(target)
    assert got.dtype is target
    assert_identical(got.numpy(), values.astype(target.storage))


def test_a_cast_to_its_own_dtype_is_the_tensor_itself() -> None:
    x = rl.ones(2)
    assert x.cast("float32") is x


def test_numpy_gives_a_read_only_view() -> None:
    x = rl.tensor([1.0, 2.0])
    view = x.numpy()
    assert np.shares_memory(view, x.data)
    with pytest.raises(ValueError, match="read-only"):
        view[0] = 5.0
    assert x.tolist() == [1.0, 2.0]


def test_an_assignment_does_not_reach_into_what_was_taken_before() -> None:
    x = rl.tensor([1.0, 2.0])
    view, copied, part = x.numpy(), x.detach(), x[:1]
    x.assign([5.0, 6.0])
    assert (view.tolist(), copied.tolist(), part.tolist()) == ([1.0, 2.0], [1.0, 2.0], [1.0])


def test_numpy_functions_take_tensors_as_arrays() -> None:
    x = rl.tensor([1.0, 2.0])
    assert np.asarray(x).dtype == np.float32
    assert np.array(x, dtype=np.float64).tolist() == [1.0, 2.0]
    np.array(x)[0] = 5.0
    assert x.tolist() == [1.0, 2.0]
    assert np.asarray(rl.tensor([1.5], dtype="bfloat16")).tolist() == [1.5]


def test_assign_wants_the_same_shape_and_dtype() -> None:
    x = rl.ones(2)
    assert x.assign([3.0, 4.0]) is x
    with pytest.raises(rl.ShapeError, match=r"of shape \(2,\) cannot become \(3,\)"):
        x.assign(rl.ones(3))
    with pytest.raises(rl.DTypeError, match="a float32 tensor cannot become int64") as caught:
        x.assign(rl.tensor([1, 2]))
    assert caught.value.hint == 'assign value.cast("float32")'
    assert x.tolist() == [3.0, 4.0]


def test_one_element_is_a_python_number() -> None:
    assert rl.tensor([[2.5]]).item() == 2.5
    assert (float(rl.tensor(2.5)), int(rl.tensor([7])), bool(rl.tensor(0.0))) == (2.5, 7, False)
    assert [10, 20, 30][rl.tensor(1)] == 20
    assert isinstance(rl.tensor(1.5, dtype="float16").item(), float)
    with pytest.raises(rl.ShapeError, match=r"one element, this has shape \(2,\)"):
        rl.ones(2).item()
    with pytest.raises(rl.DTypeError, match="a float32 tensor is no index"):
        _ = [1, 2][rl.tensor(1.0)]


def test_several_elements_are_neither_true_nor_false() -> None:
    with pytest.raises(rl.ShapeError, match=r"shape \(2,\) is neither true nor false"):
        bool(rl.ones(2))
    with pytest.raises(rl.ShapeError, match=r"shape \(0,\) is neither true nor false"):
        bool(rl.zeros(0))


def test_iteration_gives_the_rows() -> None:
    x = rl.tensor([[1, 2], [3, 4]])
    assert [row.tolist() for row in x] == [[1, 2], [3, 4]]
    assert len(x) == 2
    first, second = x
    assert (first.shape, second.tolist()) == ((2,), [3, 4])
    assert list(rl.zeros(0, 3)) == []
    with pytest.raises(rl.ShapeError, match="a scalar has no length"):
        iter(rl.tensor(1.0)).__next__()
    with pytest.raises(rl.ShapeError, match="a scalar has no length"):
        len(rl.tensor(1.0))


def test_membership_and_hash_are_by_value_and_by_identity() -> None:
    x, y = rl.tensor([1.0, 2.0]), rl.tensor([1.0, 2.0])
    assert 2.0 in x
    assert 3.0 not in x
    assert len({x, y}) == 2


@pytest.mark.parametrize(
    ("x", "text"),
    [
        (rl.tensor([1.0, 2.5]), "tensor([1. , 2.5])"),
        (rl.tensor(3), "tensor(3)"),
        (rl.tensor([True]), "tensor([ True])"),
        (rl.tensor([1, 2], dtype="uint8"), "tensor([1, 2], dtype=uint8)"),
        (rl.tensor([1.5], dtype="bfloat16"), "tensor([1.5], dtype=bfloat16)"),
        (rl.tensor([1.0], requires_grad=True), "tensor([1.], requires_grad=True)"),
        (rl.zeros(0, 2), "tensor([])"),
        (rl.tensor([[1.0], [2.0]]), "tensor([[1.],\n        [2.]])"),
    ],
)
def test_the_text_of_a_tensor(x: rl.Tensor, text: str) -> None:
    assert repr(x) == text


def test_the_text_of_a_large_tensor_is_short() -> None:
    assert "..." in repr(rl.zeros(100, 100))
    assert len(repr(rl.zeros(100, 100))) < 1000


def test_a_copy_is_a_tensor_of_its_own() -> None:
    x = rl.tensor([1.0, 2.0], requires_grad=True)
    x.name = "weight"
    y = copy.deepcopy(x)
    y.assign([5.0, 6.0])
    assert x.tolist() == [1.0, 2.0]
    assert (y.requires_grad, y.is_leaf, y.name, y.grad) == (True, True, "weight", None)
    pair = copy.deepcopy([x, x])
    assert pair[0] is pair[1]


def test_only_floats_require_gradients() -> None:
    for make in (lambda: rl.tensor([1], requires_grad=True), rl.tensor([True]).requires_grad_):
        with pytest.raises(rl.DTypeError, match=r"only floats have gradients, not (int64|bool)"):
            make()
    x = rl.ones(2).requires_grad_()
    assert x.requires_grad_(False).requires_grad is False
    with pytest.raises(rl.GradientError, match="this tensor was computed"):
        (rl.ones(2, requires_grad=True) * 2.0).requires_grad_(False)


def test_transposition_reverses_the_last_two_axes() -> None:
    assert rl.zeros(2, 3, 4).T.shape == (2, 4, 3)


def test_every_error_names_the_line_of_this_file() -> None:
    with pytest.raises(rl.RushlightError) as caught:
        rl.ones(2).assign(rl.ones(3))
    assert re.search(r"^assign: .*\n(.*\n)*  at test_tensor.py:\d+$", str(caught.value))
