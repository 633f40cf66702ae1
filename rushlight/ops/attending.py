"""The attention primitives: weighted means of values, and their gradients, block by block.

What is kept of the weights is one number for each query, the logarithm of their sum: gradients
work them out anew. So memory grows with the number of keys and queries, not with their product
(FlashAttention: Dao et al. 2022). Derivatives of the gradients are composed of products.
"""

import threading
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from rushlight.core import kernels
from rushlight.core.bind import as_value, bind
from rushlight.core.dtypes import bool_, int64, uint32
from rushlight.core.errors import DTypeError, ShapeError, UsageError
from rushlight.core.philox import BLOCK, least_kept, random_bits
from rushlight.core.primitive import Array, Primitive, Sample, Spec, register
from rushlight.core.shapes import Shape, size_of
from rushlight.ops.elementwise import where
from rushlight.ops.matmul import matmul, matmul_t
from rushlight.ops.movement import each, expanded, part, turned
from rushlight.ops.pointwise import cast
from rushlight.ops.random import random_bits_p

OPTIONS = ("mask", "lengths", "start", "slopes", "state")  # operands that may follow, in this order
AT_ONCE = 1 << 20  # scores that the NumPy meaning works on


class Attending(Primitive):
    """What both have in common. `options` names the operands that follow those with labels.

    mask: whether a key is visible, or what is added to its score; (..., heads, queries, keys).
    lengths: how many keys there are, int64 (...).
    start: the position of the first query among the keys, int64 (...).
    slopes: by how much scores fall with each step of distance, (..., heads).
    state: of the random bits by which weights are dropped, uint32 (4,).
    """

    ulps = 256
    uses_output = True

    def batched(self, has: Sequence[bool], *inputs: Any, **params: Any) -> Any:
        if "state" in params["options"]:
            return None
        return bind(self, *each(has, inputs), **params)

    def lower(self, *specs: Spec, **params: Any) -> kernels.Attention:
        backward = self is attention_grad_p
        q, k, v = specs[1:4] if backward else specs[:3]
        scores = size_of(q.shape[:-1]) * k.shape[-2]
        products = (3 * q.shape[-1] + 2 * v.shape[-1]) if backward else q.shape[-1] + v.shape[-1]
        return kernels.Attention(backward, scores * products, **params)

    def labelled(self, inputs: Sequence[Any]) -> list[tuple[str, Any]]:
        more = [f"option {i}" for i in range(len(inputs) - len(self.labels))]
        return list(zip((*self.labels, *more), inputs, strict=True))


class Attention(Attending):
    """The means of values, (..., heads, queries, value size), and the logarithms of sums.

    These are of exp(score), (..., heads, queries). Both are 0 for a query that sees nothing.
    Neighbouring heads of queries (..., heads, queries, size) share one of keys and values.
    """

    name = "attention"
    labels = ("queries", "keys", "values")
    outputs = 2

    def __init__(self) -> None:
        self._found = threading.local()

    def rule(self, *specs: Spec, **params: Any) -> tuple[Spec, Spec]:
        q, k, v = specs[:3]
        _check_operands(q, k, v)
        _check_options(q, k, specs[3:], **params)
        return Spec((*q.shape[:-1], v.shape[-1]), q.dtype), Spec(q.shape[:-1], q.dtype)

    def numpy(self, q: Any, k: Any, v: Any, *options: Any, **params: Any) -> tuple[Array, Array]:
        blocks = _Blocks(q, k, v, options, **params)
        out = np.zeros((*q.shape[:-1], v.shape[-1]), q.dtype)
        lse = np.zeros(q.shape[:-1], q.dtype)
        means, logs = blocks.grouped(out), blocks.grouped(lse[..., None])
        with np.errstate(all="ignore"):
            for rows, stop in blocks.each():
                weights = blocks.scores(rows, stop)
                top = weights.max(-1, keepdims=True, initial=-np.inf)
                top = np.where(top == -np.inf, 0, top)
                weights = np.exp(np.subtract(weights, top, out=weights), out=weights)
                total = weights.sum(-1, keepdims=True)
                total = np.where(total == 0, 1, total)
                logs[..., rows, :] = top + np.log(total)
                kept = blocks.kept(rows, stop)
                if kept is not None:
                    weights *= kept
                means[..., rows, :] = np.matmul(weights, blocks.v[..., :stop, :]) / total
        return out, lse

    def vjp(self, wrt: int, g: Any, y: Any, *inputs: Any, **params: Any) -> Any:
        """Return one of three gradients that are made together; the others wait to be asked for."""
        if wrt > 2:
            return self._vjp_of_option(wrt, g, y, inputs, params)
        found = getattr(self._found, "last", None)
        if found is None or found[0] is not g or wrt not in found[1]:
            made = bind(
                attention_grad_p, g[0], *inputs[:3], y[1], _drift(g, y), *inputs[3:], **params
            )
            found = (g, dict(enumerate(made)))
        others = {i: one for i, one in found[1].items() if i != wrt and inputs[i].requires_grad}
        self._found.last = (g, others) if others else None
        return found[1][wrt]

    def _vjp_of_option(
        self, wrt: int, g: Any, y: Any, inputs: Sequence[Any], params: dict[str, Any]
    ) -> Any:
        """Return the gradient of a float mask, or of slopes, from all weights at once."""
        whole = _Whole(inputs[:3], y[1], inputs[3:], **params)
        changes = whole.changes(g[0], _drift(g, y))
        return whole.of_option(params["options"][wrt - 3], whole.weights * changes)

    def samples(self) -> list[Sample]:
        return [
            Sample((q, k, v, *options), params, low=-1.0) for q, k, v, options, params in _cases()
        ]


class AttentionGrad(Attending):
    """The gradients of queries, keys and values.

    `lse` are the logarithms that `attention` gave. With a gradient g of its means, what scores
    change by is weights * (g @ values.T - drift): `drift` is the sum of g times the means, less the
    gradient of the logarithms.
    """

    name = "attention_grad"
    labels = ("gradient", "queries", "keys", "values", "lse", "drift")
    outputs = 3
    uses_output = False

    def rule(self, *specs: Spec, **params: Any) -> tuple[Spec, Spec, Spec]:
        g, q, k, v, lse, drift = specs[:6]
        _check_operands(q, k, v)
        _check_options(q, k, specs[6:], **params)
        _check("the gradient", g, Spec((*q.shape[:-1], v.shape[-1]), q.dtype))
        _check("the logarithms", lse, Spec(q.shape[:-1], q.dtype))
        _check("the drift", drift, Spec(q.shape[:-1], q.dtype))
        return q, k, v

    def numpy(
        self, g: Any, q: Any, k: Any, v: Any, lse: Any, drift: Any, *options: Any, **params: Any
    ) -> tuple[Array, Array, Array]:
        blocks = _Blocks(q, k, v, options, **params)
        dq, dk, dv = (np.zeros(x.shape, x.dtype) for x in (q, k, v))
        to_q, to_k, to_v = blocks.grouped(dq), blocks.shared(dk), blocks.shared(dv)
        g, drift = blocks.grouped(g), blocks.grouped(drift[..., None])
        lse = blocks.grouped(lse[..., None])
        with np.errstate(all="ignore"):
            for rows, stop in blocks.each():
                weights = blocks.scores(rows, stop)
                weights = np.exp(np.subtract(weights, lse[..., rows, :], out=weights), out=weights)
                changes = np.matmul(g[..., rows, :], blocks.v[..., :stop, :].mT)
                kept = blocks.kept(rows, stop)
                used = weights
                if kept is not None:
                    changes *= kept
                    used = weights * kept
                changes = (changes - drift[..., rows, :]) * weights
                scale = q.dtype.type(params["scale"])
                to_q[..., rows, :] = np.matmul(changes, blocks.k[..., :stop, :]) * scale
                per_head = np.matmul(changes.mT, blocks.q[..., rows, :])
                to_k[..., :stop, :] += per_head.sum(-3, keepdims=True)
                per_head = np.matmul(used.mT, g[..., rows, :])
                to_v[..., :stop, :] += per_head.sum(-3, keepdims=True)
        return dq, dk, dv

    def vjp(self, wrt: int, g: Any, y: Any, *inputs: Any, **params: Any) -> Any:
        """Return the derivative of <g, (dq, dk, dv)>, of all weights at once."""
        out_g, q, k, v, lse, drift = inputs[:6]
        whole = _Whole((q, k, v), lse, inputs[6:], **params)
        scale, weights = params["scale"], whole.weights
        to_q, to_k, to_v = g[0], whole.shared(g[1]), whole.shared(g[2])
        changes = whole.changes(out_g, drift)
        reach = (matmul_t(to_q, whole.k) + matmul_t(q, to_k)) * scale
        scores = weights * (changes * reach + whole.dropped(matmul_t(out_g, to_v)))
        if wrt == 0:
            rest = whole.dropped(weights * reach)
            return matmul(rest, whole.v) + matmul(whole.dropped(weights), to_v)
        if wrt == 1:
            return (matmul(weights * changes, to_k) + matmul(scores, whole.k)) * scale
        if wrt == 2:
            found = matmul(turned(weights * changes), to_q) + matmul(turned(scores), q)
            return whole.together(found) * scale
        if wrt == 3:
            return whole.together(matmul(turned(whole.dropped(weights * reach)), out_g))
        if wrt == 4:
            return -scores.sum(-1)
        if wrt == 5:
            return -(weights * reach).sum(-1)
        return whole.of_option(params["options"][wrt - 6], scores)

    def samples(self) -> list[Sample]:
        found = []
        for q, k, v, options, params in _cases():
            g, rows = (*q[:-1], v[-1]), q[:-1]
            found.append(Sample((g, q, k, v, rows, rows, *options), params, low=-1.0, high=1.0))
        return found


class _Blocks:
    """The NumPy meaning: scores of some queries at a time, of all heads at once.

    Arrays have axes (..., key heads, query heads that share one, queries, *).
    """

    def __init__(
        self, q: Any, k: Any, v: Any, given: Sequence[Any], *, scale: float, causal: bool,
        dropout: float, options: Sequence[str]
    ) -> None:  # fmt: skip
        self.options = dict(zip(options, given, strict=True))
        self.causal, self.dropout = causal, dropout
        self.heads, self.groups = q.shape[-3], k.shape[-3]
        self.q = self.grouped(q) * q.dtype.type(scale)
        lengths = self.options.get("lengths")
        self.place = np.arange(k.shape[-2])
        if lengths is not None:  # what lies beyond may be anything
            real = self.place < lengths[..., None]
            k, v = (np.where(real[..., None, :, None], x, x.dtype.type(0)) for x in (k, v))
        self.k, self.v = self.shared(k), self.shared(v)

    def grouped(self, x: Array) -> Array:
        """Return what each head of the queries has, as a view."""
        shape = (*x.shape[:-3], self.groups, self.heads // max(1, self.groups), *x.shape[-2:])
        return x.reshape(shape)

    def shared(self, x: Array) -> Array:
        """Return what heads share, as a view."""
        return x[..., :, None, :, :]

    def each(self) -> Iterator[tuple[slice, int]]:
        """Yield queries, and how many keys the last of them sees, of those that are there."""
        count, keys = self.q.shape[-2], self.k.shape[-2]
        at_once = max(1, AT_ONCE // max(1, size_of(self.q.shape[:-2]) * keys))
        for first in range(0, count, at_once):
            rows = slice(first, min(first + at_once, count))
            stop = keys
            for name, more in (("lengths", 0), ("start", rows.stop)):
                if name in self.options and (name == "lengths" or self.causal):
                    stop = min(stop, int(self.options[name].max(initial=-keys)) + more)
            yield rows, max(stop, 0)

    def scores(self, rows: slice, stop: int) -> Array:
        """Return the scores of some queries for the first `stop` keys; -inf for hidden ones."""
        scores: Array = np.matmul(self.q[..., rows, :], self.k[..., :stop, :].mT)
        kind, place = scores.dtype.type, self.place[:stop]
        visible = []
        if "start" in self.options:  # by how much a key is further on than the query
            ahead = place - np.arange(rows.start, rows.stop)[:, None]
            start = self._of_item("start")
            if "slopes" in self.options:
                slopes = self.grouped(self.options["slopes"][..., None, None])
                scores -= slopes * np.abs(ahead - start).astype(kind)
            if self.causal:
                visible.append(ahead <= start)
        if "lengths" in self.options:
            visible.append(place < self._of_item("lengths"))
        if "mask" in self.options:
            mask = self.grouped(self.options["mask"])[..., rows, :stop]
            if mask.dtype == np.bool_:
                visible.append(mask)
            else:
                scores += mask
        for one in visible:
            np.copyto(scores, kind(-np.inf), where=~one)
        return scores

    def _of_item(self, name: str) -> Array:
        """Return numbers of items with axes for heads, queries and keys; if all are equal, one."""
        numbers = self.options[name]
        if numbers.size and (numbers == numbers.flat[0]).all():
            return numbers.reshape(-1)[:1]  # type: ignore[no-any-return]
        return numbers[..., None, None, None, None]  # type: ignore[no-any-return]

    def kept(self, rows: slice, stop: int) -> Array | None:
        """Return by what weights are multiplied, where some are dropped: 0 or 1 / (1 - dropout)."""
        if "state" not in self.options:
            return None
        state = [int(word) for word in self.options["state"]]
        queries, width = self.q.shape[-2], words_of(self.k.shape[-2])
        count = rows.stop - rows.start
        heads = size_of(self.q.shape[:-2])
        kept = np.empty((heads, count, stop), bool)
        for head in range(heads):
            block = (head * queries + rows.start) * (width // BLOCK)
            counter = (state[2] | state[3] << 32) + block
            words = random_bits((state[0], state[1]), counter, count * width)
            kept[head] = words.reshape(count, width)[:, :stop] >= least_kept(self.dropout)
        factor = self.q.dtype.type(1.0 / (1.0 - self.dropout))
        factors: Array = (kept * factor).reshape(*self.q.shape[:-2], count, stop)
        return factors


class _Whole:
    """All weights at once, made of ops, so that derivatives of the gradients can be taken.

    Keys and values have a head for each head of the queries.
    """

    def __init__(
        self, qkv: Sequence[Any], lse: Any, given: Sequence[Any], *, scale: float, causal: bool,
        dropout: float, options: Sequence[str]
    ) -> None:  # fmt: skip
        q, k, v = qkv
        self.options = dict(zip(options, given, strict=True))
        self.dropout = dropout
        self.heads, self.groups = q.shape[-3], k.shape[-3]
        self.k, self.v = self.shared(k), self.shared(v)
        self.shape = (*q.shape[:-1], k.shape[-2])
        scores = matmul_t(q * scale, self.k)
        visible = self._visible(causal)
        if "slopes" in self.options:
            slopes = self.options["slopes"]
            scores = scores - slopes.reshape((*slopes.shape, 1, 1)) * self._distance(q)
        mask = self.options.get("mask")
        if mask is not None and mask.dtype is bool_:
            visible.append(mask)
        elif mask is not None:
            scores = scores + mask
        for one in visible:
            scores = where(one, scores, as_value(-np.inf, q.dtype))
        self.weights = (scores - lse.unsqueeze(-1)).exp()
        self._factors = self._kept(q) if "state" in self.options else None

    def _visible(self, causal: bool) -> list[Any]:
        found = []
        if causal:
            found.append(self._ahead() <= self._of_item("start"))
        if "lengths" in self.options:
            found.append(as_value(np.arange(self.shape[-1])) < self._of_item("lengths"))
        return found

    def _ahead(self) -> Any:
        """Return by how much further on a key is than a query, if the first are both at 0."""
        return as_value(np.arange(self.shape[-1]) - np.arange(self.shape[-2])[:, None])

    def _distance(self, q: Any) -> Any:
        return cast((self._ahead() - self._of_item("start")).abs(), q.dtype)

    def _of_item(self, name: str) -> Any:
        numbers = self.options[name]
        return numbers.reshape((*numbers.shape, 1, 1, 1))

    def _kept(self, q: Any) -> Any:
        keys = self.shape[-1]
        shape = (*self.shape[:-1], words_of(keys))
        words, _ = bind(random_bits_p, self.options["state"], shape=shape)
        kept = part(words, len(shape) - 1, 0, keys) >= as_value(least_kept(self.dropout), uint32)
        return cast(kept, q.dtype) * (1.0 / (1.0 - self.dropout))

    def dropped(self, x: Any) -> Any:
        """Return `x`, one for each weight, times what weights are multiplied by in dropout."""
        return x if self._factors is None else x * self._factors

    def changes(self, g: Any, drift: Any) -> Any:
        """Return by how much scores change, but for the factor that is the weight."""
        return self.dropped(matmul_t(g, self.v)) - drift.unsqueeze(-1)

    def of_option(self, name: str, scores: Any) -> Any:
        """Return the gradient of a float mask or of slopes, given that of the scores."""
        if name == "mask":
            return scores
        return -(scores * self._distance(scores)).sum((-1, -2))

    def shared(self, x: Any) -> Any:
        """Return keys or values with a head for each head of the queries."""
        if self.groups == self.heads:
            return x
        *lead, groups, count, size = x.shape
        one = x.reshape((*lead, groups, 1, count, size))
        many = expanded(one, (*lead, groups, self.heads // groups, count, size))
        return many.reshape((*lead, self.heads, count, size))

    def together(self, x: Any) -> Any:
        """Return the sum over the heads that share keys."""
        if self.groups == self.heads:
            return x
        *lead, heads, count, size = x.shape
        return x.reshape((*lead, self.groups, heads // self.groups, count, size)).sum(-3)


attention_p = register(Attention())
attention_grad_p = register(AttentionGrad())


def words_of(keys: int) -> int:
    """Return how many random words a row of weights takes: it begins with new ones."""
    return -(-keys // BLOCK) * BLOCK


def _drift(g: Any, y: Any) -> Any:
    return (g[0] * y[0]).sum(-1) - g[1]


def _check_operands(q: Spec, k: Spec, v: Spec) -> None:
    for spec in (k, v):
        if spec.dtype is not q.dtype:
            raise DTypeError(f"dtypes differ: {q.dtype} and {spec.dtype}")
    if not q.dtype.is_wide:
        raise DTypeError(f"does not take {q.dtype}", hint="cast to float32 first")
    if min(len(q.shape), len(k.shape), len(v.shape)) < 3:
        raise ShapeError("queries, keys and values are (..., heads, length, size)")
    if k.shape[:-1] != v.shape[:-1]:
        raise ShapeError(f"keys are {k.shape[:-1]}, values {v.shape[:-1]}")
    if q.shape[:-3] != k.shape[:-3]:
        raise ShapeError(f"leading axes differ: {q.shape[:-3]} and {k.shape[:-3]}")
    if q.shape[-1] != k.shape[-1]:
        raise ShapeError(f"queries have size {q.shape[-1]}, keys {k.shape[-1]}")
    heads, groups = q.shape[-3], k.shape[-3]
    if heads % groups if groups else heads:
        raise ShapeError(f"{heads} heads of queries cannot share {groups} of keys")


def _check_options(
    q: Spec, k: Spec, given: Sequence[Spec], *, options: tuple[str, ...], scale: float,
    causal: bool, dropout: float
) -> None:  # fmt: skip
    if options != tuple(one for one in OPTIONS if one in options) or len(options) != len(given):
        raise UsageError(f"{len(given)} options that are called {options}")
    if (causal or "slopes" in options) and "start" not in options:
        raise UsageError("where the first query stands is not given")
    if not 0.0 <= dropout < 1.0 or (dropout > 0.0) != ("state" in options):
        raise UsageError(f"a dropout of {dropout} beside {options}")
    lead: Shape = q.shape[:-3]
    wanted = {
        "mask": ((*q.shape[:-1], k.shape[-2]), (bool_, q.dtype)),
        "lengths": (lead, (int64,)),
        "start": (lead, (int64,)),
        "slopes": (q.shape[:-2], (q.dtype,)),
        "state": ((4,), (uint32,)),
    }
    for name, spec in zip(options, given, strict=True):
        shape, dtypes = wanted[name]
        dtype = spec.dtype if spec.dtype in dtypes else dtypes[0]
        _check(f"the {name}", spec, Spec(shape, dtype))


def _check(what: str, spec: Spec, wanted: Spec) -> None:
    if spec.dtype is not wanted.dtype:
        raise DTypeError(f"{what} should be {wanted}, not {spec}")
    if spec.shape != wanted.shape:
        raise ShapeError(f"{what} should be {wanted}, not {spec}")


def _cases() -> list[tuple[Shape, Shape, Shape, tuple[Any, ...], dict[str, Any]]]:
    """Return shapes of queries, keys and values with options and params, for tables of cases."""
    state = np.array([3, 1, 4, 1], np.uint32)
    mask = np.arange(30).reshape(1, 2, 3, 5) % 4 != 0
    mask[0, 1, 1] = False  # a query that sees nothing
    zero, two = np.array(0), np.array([1, 2])

    def params(*options: str, causal: bool = False, dropout: float = 0.0) -> dict[str, Any]:
        return {"scale": 0.5, "causal": causal, "dropout": dropout, "options": options}

    return [
        ((2, 3, 4), (2, 5, 4), (2, 5, 3), (), params()),
        ((1, 1, 1), (1, 1, 1), (1, 1, 1), (zero,), params("start", causal=True)),
        ((2, 2, 3, 2), (2, 1, 4, 2), (2, 1, 4, 1), (two,), params("start", causal=True)),
        ((1, 2, 0, 2), (1, 2, 3, 2), (1, 2, 3, 2), (), params()),
        ((1, 3, 2), (1, 0, 2), (1, 0, 2), (), params()),
        ((1, 2, 3, 2), (1, 2, 5, 2), (1, 2, 5, 2), (mask,), params("mask")),
        ((2, 1, 2, 2), (2, 1, 3, 2), (2, 1, 3, 2), (two,), params("lengths")),
        (
            (2, 3, 3),
            (1, 3, 3),
            (1, 3, 2),
            ((2, 3, 3), zero, (2,)),
            params("mask", "start", "slopes", causal=True),
        ),
        ((2, 3, 2), (2, 6, 2), (2, 6, 2), (state,), params("state", dropout=0.4)),
    ]
