"""Rows and elements at positions that are data."""

from typing import Any

import numpy as np
import pytest

import rushlight as rl
from rushlight.testing.compare import assert_close, assert_identical


@pytest.mark.parametrize("dtype", ["int64", "int32", "uint8", "int8"])
def test_rows_are_taken_with_any_integers(dtype: str) -> None:
    table = rl.arange(12).reshape(4, 3)
    rows = rl.tensor([[3, 0], [1, 1]], dtype=dtype)
    np.testing.assert_array_equal(rl.take(table, rows).numpy(), table.numpy()[rows.numpy()])


def test_a_row_taken_many_times_gets_all_its_gradients_in_order(torch: Any) -> None:
    random = np.random.default_rng(0)
    table = random.standard_normal((5, 3)).astype(np.float32)
    rows = random.integers(0, 5, 40)
    seeds = random.standard_normal((40, 3)).astype(np.float32)
    x = rl.tensor(table, requires_grad=True)
    rl.take(x, rl.tensor(rows)).backward(rl.tensor(seeds))
    t = torch.tensor(table, requires_grad=True)
    torch.nn.functional.embedding(torch.tensor(rows), t).backward(torch.tensor(seeds))
    assert_close(x.grad.numpy(), t.grad.numpy())


@pytest.mark.parametrize("axis", [0, 1, -1])
def test_gather_is_that_of_pytorch_with_its_gradient(axis: int, torch: Any) -> None:
    random = np.random.default_rng(axis + 1)
    data = random.standard_normal((3, 4))
    indices = random.integers(0, data.shape[axis], (3, 4))
    x, t = rl.tensor(data, requires_grad=True), torch.tensor(data, requires_grad=True)
    y, u = x.gather(axis, rl.tensor(indices)), torch.gather(t, axis, torch.tensor(indices))
    (y * y).sum().backward()
    (u * u).sum().backward()
    assert_identical(y.numpy(), u.detach().numpy())
    assert_close(x.grad.numpy(), t.grad.numpy())


@pytest.mark.parametrize("axis", [0, 1])
def test_scatter_add_is_that_of_pytorch_with_its_gradients(axis: int, torch: Any) -> None:
    random = np.random.default_rng(axis)
    data, updates = random.standard_normal((3, 4)), random.standard_normal((3, 4))
    indices = random.integers(0, data.shape[axis], (3, 4))
    inputs = [rl.tensor(array, requires_grad=True) for array in (data, updates)]
    theirs = [torch.tensor(array, requires_grad=True) for array in (data, updates)]
    y = inputs[0].scatter_add(axis, rl.tensor(indices), inputs[1])
    u = theirs[0].scatter_add(axis, torch.tensor(indices), theirs[1])
    (y * y).sum().backward()
    (u * u).sum().backward()
    assert_close(y.numpy(), u.detach().numpy())
    for x, t in zip(inputs, theirs, strict=True):
        assert_close(x.grad.numpy(), t.grad.numpy())


def test_scatter_add_takes_lists_and_leaves_its_operand_alone() -> None:
    x = rl.zeros(3)
    assert x.scatter_add(0, [2, 2, 0], [1.0, 4.0, 2.0]).tolist() == [2.0, 0.0, 5.0]
    assert x.tolist() == [0.0, 0.0, 0.0]


def test_one_hot_marks_each_index() -> None:
    hot = rl.one_hot(rl.tensor([[2], [0]], dtype="uint8"), 3, dtype="bool")
    assert hot.tolist() == [[[False, False, True]], [[True, False, False]]]
    assert rl.one_hot(rl.zeros(0, dtype="int64"), 2).shape == (0, 2)


def test_one_hot_of_small_integers_reaches_every_class() -> None:
    hot = rl.one_hot(rl.tensor([0, 200], dtype="uint8"), 300)
    assert hot.sum(1).tolist() == [1.0, 1.0]
    assert hot.argmax(1).tolist() == [0, 200]
    assert rl.one_hot(rl.tensor([100], dtype="int8"), 200).sum().item() == 1.0


def test_integers_are_gathered_as_well_as_floats() -> None:
    x = rl.tensor([[1, 2], [3, 4]])
    assert x.gather(1, [[1], [0]]).tolist() == [[2], [3]]
    assert rl.take(rl.tensor([True, False]), [1, 0]).tolist() == [False, True]
