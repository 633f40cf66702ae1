"""Attention: each query's mean of values, weighted by how well their keys fit it."""

from typing import Any

import numpy as np

from rushlight.core.bind import as_value, bind_checked, op
from rushlight.core.dtypes import DType, bool_, int64, promote
from rushlight.core.errors import DTypeError, ShapeError, UsageError
from rushlight.core.shapes import Shape, broadcast_shapes
from rushlight.ops.attending import attention_p
from rushlight.ops.composite import as_float
from rushlight.ops.movement import broadcast_to, expanded
from rushlight.ops.pointwise import cast


@op
def attention(
    q: Any,
    k: Any,
    v: Any,
    mask: Any = None,
    *,
    dropout: float = 0.0,
    state: Any = None,
    causal: bool = False,
    scale: float | None = None,
    start: Any = 0,
    lengths: Any = None,
    slopes: Any = None,
) -> Any:
    """Return softmax(q @ k.T * scale) @ v, (..., heads, queries, value size).

    Vaswani et al. 2017, worked out block by block (Dao et al. 2022): memory grows with the length,
    not with its square. A query to which nothing is visible gives zeros.

    Args:
        q: the queries, (..., heads, queries, size).
        k: the keys, (..., key heads, keys, size); neighbouring heads share (Ainslie et al. 2023).
        v: the values, (..., key heads, keys, value size).
        mask: which keys are visible (bool), or what is added to the scores (float); broadcasts
            with (..., heads, queries, keys). The gradient of a float one needs all weights at once.
        dropout: the share of weights that are zeroed, the others scaled by 1 / (1 - dropout).
        state: of the random bits that dropout goes by, uint32 (4,).
        causal: whether query i sees keys up to start + i alone.
        scale: of the scores; 1 / sqrt(size) if None.
        start: the position of the first query among the keys, an int or an int tensor (...).
        lengths: how many keys are real, an int tensor (...); those beyond are not read.
        slopes: by how much a head's scores fall with each step of distance, (heads,), as in ALiBi
            (Press et al. 2022).

    >>> import rushlight as rl
    >>> q, k, v = rl.zeros(1, 2, 4), rl.zeros(1, 3, 4), rl.eye(3).reshape(1, 3, 3)
    >>> attention(q, k, v, causal=True)
    tensor([[[1. , 0. , 0. ],
             [0.5, 0.5, 0. ]]])
    """
    q, k, v = _lined_up(q, k, v)
    lead = q.shape[:-3]
    given: dict[str, Any] = {}
    if mask is not None:
        given["mask"] = _mask(mask, (*q.shape[:-1], k.shape[-2]), q.dtype)
    if lengths is not None:
        given["lengths"] = _counts(lengths, lead, "lengths")
    if causal or slopes is not None:
        given["start"] = _counts(start, lead, "start")
    if slopes is not None:
        given["slopes"] = broadcast_to(cast(as_float(slopes), q.dtype), q.shape[:-2])
    if _checked_share(dropout, state):
        given["state"] = as_value(state)
    params = {
        "scale": max(1, q.shape[-1]) ** -0.5 if scale is None else _number(scale),
        "causal": bool(causal),
        "dropout": float(dropout),
        "options": tuple(given),
    }
    return bind_checked(attention_p, q, k, v, *given.values(), **params)[0]


def _lined_up(*qkv: Any) -> Any:
    """Return queries, keys and values as floats of one dtype, with the same leading axes."""
    found = [as_float(x) for x in qkv]
    dtype = found[0].dtype
    for x in found[1:]:
        dtype = promote(dtype, x.dtype)
    if min(x.rank for x in found) < 3:
        raise ShapeError("queries, keys and values are (..., heads, length, size)")
    lead = broadcast_shapes(*[x.shape[:-3] for x in found])
    return [expanded(cast(x, dtype), (*lead, *x.shape[-3:])) for x in found]


def _mask(mask: Any, shape: Shape, dtype: DType) -> Any:
    """Return a mask of bools, or of floats of a dtype, in the shape of the scores."""
    mask = as_value(mask)
    if mask.dtype is not bool_ and not mask.dtype.is_float:
        hint = "where keys are visible: mask != 0"
        raise DTypeError(f"a mask is of bools or floats, not {mask.dtype}", hint=hint)
    try:
        return broadcast_to(mask if mask.dtype is bool_ else cast(mask, dtype), shape)
    except ShapeError as error:
        error.hint = f"a mask broadcasts with (..., heads, queries, keys), here {shape}"
        raise


def _number(scale: Any) -> float:
    if not isinstance(scale, (int, float, np.integer, np.floating)):
        hint = "multiply the queries by a tensor, and pass scale=1.0"
        raise UsageError(f"scale is a number, not {scale!r:.40}", hint=hint)
    return float(scale)


def _counts(x: Any, lead: Shape, what: str) -> Any:
    """Return an int tensor as int64 with a number for each of the leading axes."""
    x = as_value(x)
    if x.dtype.is_float or x.dtype is bool_:
        raise DTypeError(f"{what} are integers, not {x.dtype}")
    try:
        return broadcast_to(cast(x, int64), lead)
    except ShapeError as error:
        error.hint = "q, k and v are (..., heads, length, size): q.unsqueeze(-3) makes one head"
        raise


def _checked_share(dropout: Any, state: Any) -> bool:
    """Return whether weights are dropped; raise where that cannot be."""
    if not isinstance(dropout, (int, float)) or not 0.0 <= dropout < 1.0:
        raise UsageError(f"dropout is a share of at least 0 and below 1, not {dropout!r}")
    if dropout and state is None:
        hint = "state=generator.bits((4,)), of a Generator or rl.random.default_generator"
        raise UsageError("dropout needs the state of a random generator", hint=hint)
    return bool(dropout)
