"""The same elements in another arrangement, against NumPy; views share their memory."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import rushlight as rl
from rushlight.testing.compare import assert_identical

ARRAY = np.arange(24, dtype=np.float32).reshape(2, 3, 4)


@pytest.mark.parametrize(
    ("call", "wanted"),
    [
        (lambda x: x.reshape(4, 6), ARRAY.reshape(4, 6)),
        (lambda x: x.reshape((-1, 2)), ARRAY.reshape(-1, 2)),
        (lambda x: x.view(24), ARRAY.ravel()),
        (lambda x: x.flatten(), ARRAY.ravel()),
        (lambda x: x.flatten(1), ARRAY.reshape(2, 12)),
        (lambda x: x.flatten(-1), ARRAY),
        (lambda x: x.permute(2, 0, 1), ARRAY.transpose(2, 0, 1)),
        (lambda x: x.permute((-1, 0, 1)), ARRAY.transpose(2, 0, 1)),
        (lambda x: x.transpose(), ARRAY.swapaxes(1, 2)),
        (lambda x: x.transpose(0, -1), ARRAY.swapaxes(0, 2)),
        (lambda x: x.T, ARRAY.swapaxes(1, 2)),
        (lambda x: x.unsqueeze(0), ARRAY[None]),
        (lambda x: x.unsqueeze(-1).squeeze(3), ARRAY),
        (lambda x: x.expand(5, 2, 3, 4), np.broadcast_to(ARRAY, (5, 2, 3, 4))),
        (lambda x: x.pad([(0, 0), (1, 2), (0, 1)]), np.pad(ARRAY, [(0, 0), (1, 2), (0, 1)])),
        (lambda x: rl.concat([x, x * 2.0], axis=-1), np.concatenate([ARRAY, 2 * ARRAY], -1)),
        (lambda x: rl.stack([x, x * 2.0], axis=1), np.stack([ARRAY, 2 * ARRAY], 1)),
        (lambda x: rl.stack([x, x], axis=-1), np.stack([ARRAY, ARRAY], -1)),
        (lambda x: rl.concat((x,)), ARRAY),
    ],
)
def test_elements_move_as_in_numpy(call: Any, wanted: Any) -> None:
    assert_identical(call(rl.tensor(ARRAY)).numpy(), wanted)


@given(
    st.lists(st.integers(1, 3), min_size=1, max_size=4).map(tuple),
    st.lists(st.integers(1, 3), min_size=0, max_size=2).map(tuple),
    st.data(),
)
def test_broadcasting_is_numpys_and_small_and_large_alike(
    shape: tuple[int, ...], front: tuple[int, ...], data: st.DataObject
) -> None:
    ones = data.draw(st.lists(st.booleans(), min_size=len(shape), max_size=len(shape)))
    source = tuple(1 if one else size for one, size in zip(ones, shape, strict=True))
    array = np.arange(np.prod(source), dtype=np.float32).reshape(source)
    for factor in (1, 100):
        wanted = (factor, *front, *shape)
        got = rl.tensor(array).broadcast_to(wanted)
        assert_identical(got.numpy(), np.broadcast_to(array, wanted))


def test_what_changes_nothing_is_the_tensor_itself() -> None:
    x = rl.ones(2, 3)
    assert x.reshape(2, 3) is x
    assert x.broadcast_to(2, 3) is x


def test_views_share_their_memory() -> None:
    x = rl.tensor(ARRAY)
    for view in (x.reshape(6, 4), x.permute(1, 0, 2), x[1], x[:, ::2], x.T.unsqueeze(0)):
        assert np.shares_memory(view.data, x.data)


def test_empty_tensors_move_too() -> None:
    x = rl.zeros(0, 3)
    assert x.reshape(3, 0).T.shape == (0, 3)
    assert x.reshape(-1).shape == (0,)
    assert x.flatten(1).shape == (0, 3)
    assert rl.concat([x, rl.ones(1, 3)]).tolist() == [[1.0, 1.0, 1.0]]
    assert x.pad([(1, 0), (0, 0)]).tolist() == [[0.0, 0.0, 0.0]]
    assert rl.tensor(3.0).flatten().tolist() == [3.0]
