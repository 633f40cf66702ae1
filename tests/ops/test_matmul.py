"""The matrix product of any ranks, against NumPy and PyTorch."""

from typing import Any

import numpy as np
import pytest

import rushlight as rl
from rushlight.testing.compare import assert_close

SHAPES = [
    ((3,), (3,)),
    ((3,), (3, 2)),
    ((2, 3), (3,)),
    ((2, 3), (3, 4)),
    ((3,), (5, 3, 2)),
    ((5, 2, 3), (3,)),
    ((5, 2, 3), (3, 4)),
    ((2, 3), (5, 3, 4)),
    ((5, 1, 2, 3), (6, 3, 4)),
    ((2, 0), (0, 3)),
    ((0, 3), (3,)),
]


@pytest.mark.parametrize(("left", "right"), SHAPES, ids=str)
def test_values_and_gradients_are_those_of_pytorch(left: Any, right: Any, torch: Any) -> None:
    random = np.random.default_rng(0)
    arrays = [random.standard_normal(shape) for shape in (left, right)]
    ours = [rl.tensor(array, requires_grad=True) for array in arrays]
    theirs = [torch.tensor(array, requires_grad=True) for array in arrays]
    y, u = ours[0] @ ours[1], theirs[0] @ theirs[1]
    (y * y).sum().backward()
    (u * u).sum().backward()
    assert_close(y.numpy(), u.detach().numpy())
    for x, t in zip(ours, theirs, strict=True):
        assert_close(x.grad.numpy(), t.grad.numpy())


def test_operands_are_brought_to_one_dtype() -> None:
    x = rl.ones(2, 2)
    assert (x @ rl.ones(2, 2, dtype="float64")).dtype is rl.float64
    assert (x @ rl.ones(2, 2, dtype="int64")).dtype is rl.float32
    assert (x @ [[1.0, 2.0], [3.0, 4.0]]).tolist() == [[4.0, 6.0], [4.0, 6.0]]
    assert ([[1.0, 2.0]] @ x).tolist() == [[3.0, 3.0]]
    assert (np.ones((1, 2), np.float32) @ x).tolist() == [[2.0, 2.0]]


@pytest.mark.parametrize(
    ("left", "right", "hint"),
    [
        ((2, 3), (4, 3), "left @ right.T is valid and gives (2, 4)"),
        ((3, 2), (3, 4), "left.T @ right is valid and gives (2, 4)"),
        ((3, 2), (4, 3), "left.T @ right.T is valid and gives (2, 4)"),
        ((2, 5, 3), (4, 3), "left @ right.T is valid and gives (2, 5, 4)"),
        ((2, 3), (4, 5), None),
    ],
)
def test_the_hint_names_a_transposition_that_works(left: Any, right: Any, hint: str) -> None:
    with pytest.raises(rl.ShapeError) as caught:
        rl.ones(left) @ rl.ones(right)
    assert caught.value.hint == hint
