"""The matrix product."""

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from rushlight.core.bind import as_value, bind, bind_checked, op
from rushlight.core.dtypes import promote
from rushlight.core.errors import DTypeError, RushlightError, ShapeError
from rushlight.core.kernels import Contraction, Term, Terms, along
from rushlight.core.primitive import Array, Primitive, Sample, Spec, method, register
from rushlight.core.shapes import broadcast_shapes, size_of
from rushlight.ops.movement import turned
from rushlight.ops.pointwise import cast, lined_up, unbroadcast


class MatMul(Primitive):
    """(..., m, k) times (..., k, n) gives (..., m, n); the leading axes broadcast."""

    name = "matmul"
    labels = ("left", "right")
    onnx = "MatMul"
    ulps = 64
    numpy = np.matmul

    def rule(self, *specs: Spec, **params: Any) -> Spec:
        left, right = specs
        _check_operands(left, right)
        k, other = left.shape[-1], right.shape[-2]
        if k != other:
            fact = f"inner sizes differ: {k} (left axis -1) and {other} (right axis -2)"
            raise ShapeError(fact, hint=self._remedy(left, right))
        batch = broadcast_shapes(left.shape[:-2], right.shape[:-2])
        return Spec((*batch, left.shape[-2], right.shape[-1]), left.dtype)

    def _remedy(self, left: Spec, right: Spec) -> str | None:
        """Return the first transposition under which the product is valid, if any."""
        candidates = (
            ("left @ right.T", left, _transposed(right)),
            ("left.T @ right", _transposed(left), right),
            ("left.T @ right.T", _transposed(left), _transposed(right)),
            ("right @ left", right, left),
        )
        for text, a, b in candidates:
            if a.shape[-1] == b.shape[-2]:
                try:
                    return f"{text} is valid and gives {self.rule(a, b).shape}"
                except RushlightError:
                    continue
        return None

    def vjp(self, wrt: int, g: Any, y: Any, *inputs: Any, **params: Any) -> Any:
        left, right = inputs
        if wrt == 0:
            return unbroadcast(bind(matmul_t_p, g, right), left.shape)
        if right.rank == 2:
            left, g = _as_rows(left), _as_rows(g)
        return unbroadcast(bind(self, turned(left), g), right.shape)

    def saves(self, wrt: int, arity: int) -> Iterable[int]:
        return (1 - wrt,)

    def batched(self, has: Sequence[bool], *inputs: Any, **params: Any) -> Any:
        return bind(self, *lined_up(has, inputs))

    def lower(self, *specs: Spec, **params: Any) -> Contraction:
        left, right = specs
        return _contraction(left, right, self.rule(left, right), turned=False)

    def samples(self) -> list[Sample]:
        rows: list[tuple[tuple[int, ...], tuple[int, ...]]] = [
            ((2, 3), (3, 4)),
            ((1, 1), (1, 1)),
            ((0, 3), (3, 2)),
            ((2, 0), (0, 3)),
            ((2, 1, 3, 2), (4, 2, 1)),
            ((5, 2, 3), (3, 2)),
        ]
        return [Sample(shapes) for shapes in rows]


class MatMulT(Primitive):
    """(..., m, k) times (..., n, k) gives (..., m, n): the rows of both are multiplied.

    This is how layers keep their weights; neither it nor its gradients copy or turn them round.
    """

    name = "matmul_t"
    labels = ("left", "right")
    ulps = 64

    def rule(self, *specs: Spec, **params: Any) -> Spec:
        left, right = specs
        _check_operands(left, right)
        if left.shape[-1] != right.shape[-1]:
            raise ShapeError(f"rows differ in length: {left.shape[-1]} and {right.shape[-1]}")
        return matmul_p.rule(left, _transposed(right))

    def numpy(self, left: Any, right: Any) -> Any:
        return np.matmul(left, right.mT)

    def vjp(self, wrt: int, g: Any, y: Any, *inputs: Any, **params: Any) -> Any:
        left, right = inputs
        if wrt == 0:
            return unbroadcast(bind(matmul_p, g, right), left.shape)
        if right.rank == 2:
            left, g = _as_rows(left), _as_rows(g)
        return unbroadcast(bind(matmul_p, turned(g), left), right.shape)

    def saves(self, wrt: int, arity: int) -> Iterable[int]:
        return (1 - wrt,)

    def batched(self, has: Sequence[bool], *inputs: Any, **params: Any) -> Any:
        return bind(self, *lined_up(has, inputs))

    def lower(self, *specs: Spec, **params: Any) -> Contraction:
        left, right = specs
        return _contraction(left, right, self.rule(left, right), turned=True)

    def samples(self) -> list[Sample]:
        rows: list[tuple[tuple[int, ...], tuple[int, ...]]] = [
            ((2, 3), (4, 3)),
            ((1, 1), (1, 1)),
            ((2, 0), (3, 0)),
            ((2, 1, 3, 2), (4, 1, 2)),
            ((5, 2, 3), (4, 3)),
        ]
        return [Sample(shapes) for shapes in rows]


matmul_p = register(MatMul())
matmul_t_p = register(MatMulT())


@method("matmul", "__matmul__")
@op
def matmul(left: Any, right: Any) -> Any:
    """Return the matrix product; a one-axis operand is a row on the left, a column on the right.

    >>> import rushlight as rl
    >>> rl.ones(2, 3) @ rl.ones(3)
    tensor([3., 3.])
    """
    return _product(matmul_p, left, right)


def matmul_t(left: Any, right: Any) -> Any:
    """Return `left @ right.T`; `right` has at least two axes."""
    return _product(matmul_t_p, left, right)


def _product(primitive: Primitive, left: Any, right: Any) -> Any:
    left, right = as_value(left), as_value(right)
    if left.dtype is not right.dtype:
        dtype = promote(left.dtype, right.dtype)
        left, right = cast(left, dtype), cast(right, dtype)
    apply = bind if left.dtype.is_wide else bind_checked
    if left.rank >= 2 and right.rank >= 2:
        return apply(primitive, left, right)
    if left.rank == 0 or right.rank == 0:
        raise ShapeError("a scalar has no matrix product", hint="use * instead")
    rows = left if left.rank > 1 else left.unsqueeze(0)
    columns = right if right.rank > 1 else right.unsqueeze(1)
    product = apply(primitive, rows, columns)
    shape = product.shape[:-2]
    shape += () if left.rank == 1 else product.shape[-2:-1]
    shape += () if right.rank == 1 else product.shape[-1:]
    return product.reshape(shape)


def product_along(x: Any, axis: int, matrix: Array) -> Any:
    """Return `x` with its elements along an axis times a constant matrix (before, after)."""
    right = as_value(matrix, x.dtype)
    if axis == x.rank - 1:
        return matmul(x, right)
    return matmul(x.transpose(axis, -1), right).transpose(axis, -1)


@method("__rmatmul__")
def rmatmul(right: Any, left: Any) -> Any:
    """Return `left @ right`, for a left operand that is no tensor."""
    return matmul(left, right)


def _check_operands(left: Spec, right: Spec) -> None:
    if left.dtype is not right.dtype:
        raise DTypeError(f"dtypes differ: {left.dtype} and {right.dtype}")
    if not left.dtype.is_float or left.dtype.is_half:
        raise DTypeError(f"does not take {left.dtype}", hint="cast to float32 first")
    if len(left.shape) < 2 or len(right.shape) < 2:
        raise ShapeError("both operands need at least two axes")


def _as_rows(x: Any) -> Any:
    """Return (..., k) as (n, k), so that one sum goes over all leading axes."""
    return x if x.rank == 2 else x.reshape(size_of(x.shape[:-1]), x.shape[-1])


def _transposed(spec: Spec) -> Spec:
    return Spec((*spec.shape[:-2], spec.shape[-1], spec.shape[-2]), spec.dtype)


def _contraction(left: Spec, right: Spec, out: Spec, turned: bool) -> Contraction:
    """Return the product over the space (batch..., m, n, k); `turned` says that right is (n, k)."""
    batch = len(out.shape) - 2
    m, n, k = range(batch, batch + 3)
    last = (along(n), along(k)) if turned else (along(k), along(n))
    return Contraction(
        sizes=(*out.shape, left.shape[-1]),
        left=(*_batch_terms(left, batch), along(m), along(k)),
        right=(*_batch_terms(right, batch), *last),
        out=tuple(along(axis) for axis in range(batch + 2)),
    )


def _batch_terms(spec: Spec, batch: int) -> Terms:
    """Return the terms of an operand's leading axes; where its size is 1, it is broadcast."""
    sizes = spec.shape[:-2]
    first = batch - len(sizes)
    return tuple(Term() if size == 1 else along(first + i) for i, size in enumerate(sizes))
