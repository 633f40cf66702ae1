"""Attention: each query's mean of values, weighted by how well their keys fit it."""

from typing import Any

import numpy as np

from rushlight.core.bind import as_value, op
from rushlight.core.dtypes import bool_
from rushlight.core.errors import ShapeError
from rushlight.ops.composite import as_float
from rushlight.ops.elementwise import where
from rushlight.ops.matmul import matmul
from rushlight.ops.movement import expanded
from rushlight.ops.pointwise import cast


@op
def attention(
    q: Any,
    k: Any,
    v: Any,
    mask: Any = None,
    *,
    causal: bool = False,
    scale: float | None = None,
    start: Any = 0,
    lengths: Any = None,
    slopes: Any = None,
) -> Any:
    """Return softmax(q @ k.T * scale) @ v, (..., heads, queries, size).

    Vaswani et al. 2017. A query to which nothing is visible gives zeros.

    Args:
        q: the queries, (..., heads, queries, size).
        k: the keys, (..., key heads, keys, size); `heads` is a multiple of `key heads`, and
            neighbouring heads share (Ainslie et al. 2023).
        v: the values, (..., key heads, keys, value size).
        mask: which keys are visible (bool), or what is added to the scores (float); broadcasts
            with (..., heads, queries, keys).
        causal: whether query i sees keys up to start + i alone.
        scale: of the scores; 1 / sqrt(size) if None.
        start: the position of the first query among the keys, an int or an int tensor.
        lengths: how many keys are real, an int tensor of the shape of the leading axes.
        slopes: by how much a head's scores fall with each step of distance, (heads,): ALiBi (Press
            et al. 2022).

    >>> import rushlight as rl
    >>> q, k, v = rl.zeros(1, 2, 4), rl.zeros(1, 3, 4), rl.eye(3).reshape(1, 3, 3)
    >>> attention(q, k, v, causal=True)
    tensor([[[1. , 0. , 0. ],
             [0.5, 0.5, 0. ]]])
    """
    q, k, v = as_float(q), as_float(k), as_float(v)
    heads, groups = q.shape[-3], k.shape[-3]
    if groups == 0 or heads % groups:
        raise ShapeError(f"{heads} heads of queries cannot share {groups} heads of keys")
    queries, keys = q.shape[-2], k.shape[-2]
    scores = matmul(q * (scale or q.shape[-1] ** -0.5), _shared(k, heads).swapaxes(-1, -2))
    position = as_value(np.arange(queries)).reshape(queries, 1) + start
    place = as_value(np.arange(keys))
    if slopes is not None:
        distance = cast((position - place).abs(), q.dtype)
        scores = scores - as_float(slopes).reshape(heads, 1, 1) * distance
    visible = None
    if causal:
        visible = place <= position
    if lengths is not None:
        real = place < as_value(lengths).reshape(*lengths.shape, 1, 1, 1)
        visible = real if visible is None else visible & real
    if mask is not None and as_value(mask).dtype is bool_:
        visible = mask if visible is None else visible & mask
    elif mask is not None:
        scores = scores + mask
    if visible is None:
        return matmul(scores.softmax(-1), _shared(v, heads))
    low = as_value(-1e30, q.dtype)
    weights = where(visible, where(visible, scores, low).softmax(-1), as_value(0.0, q.dtype))
    return matmul(weights, _shared(v, heads))


def _shared(x: Any, heads: int) -> Any:
    """Return keys or values with a head for each head of the queries."""
    groups = x.shape[-3]
    if groups == heads:
        return x
    *leading, _, count, size = x.shape
    each = x.reshape(*leading, groups, 1, count, size)
    shape = (*leading, groups, heads // groups, count, size)
    return expanded(each, shape).reshape(*leading, heads, count, size)
