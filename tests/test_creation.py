import numpy as np
import pytest

import rushlight as rl
from rushlight.testing.compare import assert_identical


def test_shapes_are_given_as_numbers_or_as_one_tuple() -> None:
    assert rl.zeros().shape == ()
    assert rl.zeros(2, 3).shape == rl.zeros((2, 3)).shape == rl.zeros([2, 3]).shape == (2, 3)
    assert rl.ones(0, 2).shape == (0, 2)
    assert rl.full(3, 1.5).tolist() == [1.5, 1.5, 1.5]
    assert rl.full((), 2).item() == 2.0


@pytest.mark.parametrize("dtype", ["float32", "float64", "float16", "int8", "uint64", "bool"])
def test_zeros_and_ones_have_the_dtype_that_is_asked_for(dtype: str) -> None:
    for make, wanted in ((rl.zeros, 0), (rl.ones, 1)):
        x = make(2, dtype=dtype)
        assert (x.dtype.name, [float(v) for v in x.tolist()]) == (dtype, [wanted, wanted])
    assert rl.ones(2, requires_grad=True).requires_grad


def test_like_takes_shape_and_dtype_of_another() -> None:
    x = rl.full((2, 1), 3, dtype="int32")
    assert (rl.zeros_like(x).spec, rl.ones_like(x).spec) == (x.spec, x.spec)


@pytest.mark.parametrize(
    ("arguments", "wanted"),
    [
        ((3,), np.arange(3)),
        ((2, 5), np.arange(2, 5)),
        ((5, 0, -2), np.arange(5, 0, -2)),
        ((np.int64(3),), np.arange(3)),
        ((0,), np.arange(0)),
        ((1.0, 2.0, 0.25), np.arange(1.0, 2.0, 0.25, np.float32)),
        ((2.5,), np.arange(2.5, dtype=np.float32)),
    ],
)
def test_arange_counts_in_int64_and_otherwise_in_float32(arguments, wanted) -> None:
    assert_identical(rl.arange(*arguments).numpy(), wanted)


def test_eye_is_the_identity() -> None:
    assert_identical(rl.eye(3, dtype="float64").numpy(), np.eye(3))
    assert rl.eye(0).shape == (0, 0)


def test_what_is_made_in_a_trace_is_a_constant_of_the_graph() -> None:
    def step(x: rl.Tensor) -> rl.Tensor:
        return x + rl.full((2,), 0.5) + rl.zeros(2) + rl.tensor([1.0, 2.0])

    graph = rl.trace(step, rl.ones(2))
    assert len(graph.constants) == 3
    assert rl.compile(step)(rl.ones(2)).tolist() == [2.5, 3.5]


@pytest.mark.parametrize(
    ("start", "stop", "count"), [(0, 1, 5), (2.0, -1.0, 4), (3, 3, 1), (0, 1, 0)]
)
def test_linspace_is_numpy_s(start, stop, count):
    got = rl.linspace(start, stop, count)
    np.testing.assert_array_equal(got.numpy(), np.linspace(start, stop, count, dtype=np.float32))


def test_linspace_wants_numbers_and_a_count():
    with pytest.raises(rl.DTypeError, match="linspace takes numbers"):
        rl.linspace("a", 1.0, 3)
    with pytest.raises(rl.ShapeError, match="sizes cannot be negative"):
        rl.linspace(0.0, 1.0, -1)
