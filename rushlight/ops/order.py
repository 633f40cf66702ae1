"""Values as they are, but for when they are worked out, or whether gradients go through them."""

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from rushlight.core.bind import bind
from rushlight.core.errors import ShapeError
from rushlight.core.kernels import Map, View, along
from rushlight.core.primitive import Primitive, Sample, Spec, register
from rushlight.ops.movement import reshaped, slice_p


class After(Primitive):
    """The first operand, worked out once the second is there: one number, which counts for nothing.

    What is made of it is another computation than what is made of the operand itself, so it is not
    shared with one done before.
    """

    name = "after"
    labels = ("x", "token")
    onnx = "Identity"

    def rule(self, *specs: Spec, **params: Any) -> Spec:
        x, token = specs
        if token.shape != ():
            raise ShapeError(f"the token is one number, not {token.shape}")
        return x

    def numpy(self, x: Any, token: Any) -> Any:
        if token.ndim:
            raise ValueError("the token has axes")
        return x[...]

    def vjp(self, wrt: int, g: Any, y: Any, *inputs: Any, **params: Any) -> Any:
        return g if wrt == 0 else None

    def saves(self, wrt: int, arity: int) -> Iterable[int]:
        return ()

    def lower(self, *specs: Spec, **params: Any) -> Map:
        return Map("rl_after({x}, {token})", ("x", "token"))

    def samples(self) -> list[Sample]:
        return [Sample((shape, np.array(1))) for shape in ((), (0, 3), (2, 3), (4, 1, 2), (17,))]


class Detach(Primitive):
    """The operand, through which no gradient goes."""

    name = "detach"
    differentiable = False
    onnx = "Identity"

    def rule(self, *specs: Spec, **params: Any) -> Spec:
        (x,) = specs
        return x

    def numpy(self, x: Any) -> Any:
        return x[...]

    def batched(self, has: Sequence[bool], *inputs: Any, **params: Any) -> Any:
        return bind(self, *inputs)

    def lower(self, *specs: Spec, **params: Any) -> View:
        return View(tuple(map(along, range(len(specs[0].shape)))))

    def samples(self) -> list[Sample]:
        return [Sample((shape,)) for shape in ((), (0, 3), (2, 3), (4, 1, 2), (17,))]


after_p = register(After())
detach_p = register(Detach())


def after(x: Any, moment: Any) -> Any:
    """Return `x`, worked out once `moment` is there."""
    if 0 in moment.shape:
        return x
    rank = len(moment.shape)
    token = moment
    if rank:
        first = bind(slice_p, moment, start=(0,) * rank, count=(1,) * rank, step=(1,) * rank)
        token = reshaped(first, ())
    return bind(after_p, x, token)
