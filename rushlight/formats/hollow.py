"""An evaluator that works out shapes and dtypes alone: modules built under it take no memory.

A model file may declare a layer of any size. Built here first, it can be compared with the tensors
that the file really holds before a byte is spent on it.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from rushlight.core.dtypes import DType
from rushlight.core.errors import FormatError
from rushlight.core.primitive import Array, Primitive, Spec
from rushlight.tensor import Tensor, to_array

SPARE_ELEMENTS = 1 << 20  # how much a layer's own constants may go beyond the stored tensors
SPARE_TENSORS = 10_000
TENSORS_EACH = 100  # made on the way to one stored tensor, by far enough for any initialiser


class Hollow:
    """Gives each result as zeros that all lie in one place, whatever their shape.

    Constants are kept as they are. The state of generators is left alone.

    Args:
        elements: how many elements the file holds; nothing much larger is really made.
        tensors: how many tensors the file holds; not many times more are made.

    >>> import rushlight as rl
    >>> from rushlight.core.mode import evaluating
    >>> with evaluating(Hollow(elements=100, tensors=2)):
    ...     rl.nn.Linear(10**6, 10**6).weight.shape
    (1000000, 1000000)
    """

    def __init__(self, elements: int, tensors: int) -> None:
        self._elements = elements + SPARE_ELEMENTS
        self._tensors = TENSORS_EACH * tensors + SPARE_TENSORS

    def apply(self, primitive: Primitive, inputs: Sequence[Any], params: dict[str, Any]) -> Any:
        self._count()
        result = primitive.rule(*[x.spec for x in inputs], **params)
        if primitive.outputs == 1:
            return hollow(result)
        return tuple(hollow(spec) for spec in result)

    def constant(self, data: Any, dtype: DType | None) -> Tensor:
        self._count()
        if isinstance(data, np.ndarray):
            self._check_size(data.size)
        array, kind = to_array(data, dtype)
        return Tensor.wrap(array, kind)

    def alias(self, x: Tensor) -> Tensor:
        self._count()
        return Tensor.wrap(x.data, x.dtype)

    detach = alias

    def assign(self, x: Tensor, value: Tensor) -> None:
        pass

    def get_grad(self, x: Tensor) -> Tensor | None:
        return x._grad

    def set_grad(self, x: Tensor, value: Tensor | None) -> None:
        pass

    def read(self, x: Tensor, what: str) -> Array:
        self._check_size(x.size)
        array: Array = x.data
        return array

    def watch(self, owner: Any, attribute: str, value: Any) -> None:
        pass

    def _check_size(self, size: int) -> None:
        if size > self._elements:
            raise FormatError(f"a layer makes a tensor of {size:,} elements, the file holds fewer")

    def _count(self) -> None:
        self._tensors -= 1
        if self._tensors < 0:
            raise FormatError("the layers make many more tensors than the file holds")


def hollow(spec: Spec) -> Tensor:
    """Return zeros of a spec that take the memory of one element."""
    return Tensor.wrap(np.broadcast_to(np.zeros((), spec.dtype.storage), spec.shape), spec.dtype)
