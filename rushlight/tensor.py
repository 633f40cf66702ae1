"""The Tensor, and the eager evaluator that gives primitives their meaning at once, in NumPy.

While a function is traced the same class carries the graph's values instead of arrays: whatever
depends on that difference goes through the current evaluator.
"""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from rushlight.autograd import assigned, backward, record
from rushlight.core.advice import TENSOR, advice
from rushlight.core.bind import op
from rushlight.core.dtypes import (
    BY_CHAR,
    BY_NAME,
    DType,
    DTypeLike,
    as_dtype,
    bool_,
    float16,
    float32,
    float64,
    int64,
)
from rushlight.core.errors import (
    AnomalyError,
    DeviceError,
    DTypeError,
    GradientError,
    ShapeError,
)
from rushlight.core.mode import Mode, mode
from rushlight.core.primitive import Array, Primitive
from rushlight.core.shapes import Shape, size_of
from rushlight.ops.methods import TensorMethods
from rushlight.ops.pointwise import cast, cast_p


class Tensor(TensorMethods):
    """An n-dimensional array that remembers how it was made.

    Args:
        data: numbers, nested lists, a NumPy array or a tensor; always copied.
        dtype: float32 for Python floats, int64 for ints, the array's own otherwise.
        requires_grad: whether gradients are wanted for it.
        device: "cpu", the only one there is.

    >>> x = Tensor([1.0, 2.0], requires_grad=True)
    >>> (x * x).sum().backward()
    >>> x.grad
    tensor([2., 4.])
    """

    data: Any  # an array, or while tracing a graph value
    _dtype: DType | None = None  # set where the array's own dtype does not tell
    _grad: "Tensor | None" = None
    home: Any = None  # where compiled code keeps this tensor, once it does
    name: str | None = None  # what graphs and errors call it
    __array_priority__ = 1000  # so that `array * tensor` is the tensor's product

    def __init__(
        self,
        data: Any,
        dtype: DTypeLike | None = None,
        requires_grad: bool = False,
        device: str = "cpu",
    ) -> None:
        check_device(device)
        wanted = None if dtype is None else as_dtype(dtype)
        made = data.detach() if isinstance(data, Tensor) else mode.evaluator.constant(data, wanted)
        if wanted is not None:
            made = cast(made, wanted)
        self.data = made.data
        self._dtype = made._dtype
        if requires_grad:
            self.requires_grad_()

    @classmethod
    def wrap(cls, data: Any, dtype: DType | None = None) -> "Tensor":
        """Return a tensor around an array (or a graph value) without a copy."""
        self = cls.__new__(cls)
        self.data = data
        if dtype is not None:
            self._dtype = dtype
        return self

    @property
    def shape(self) -> Shape:
        return self.data.shape  # type: ignore[no-any-return]

    @property
    def dtype(self) -> DType:
        return self._dtype or BY_CHAR[self.data.dtype.char]

    @property
    def ndim(self) -> int:
        return len(self.data.shape)

    @property
    def size(self) -> int:
        """The number of elements."""
        return size_of(self.data.shape)

    @property
    def device(self) -> str:
        return "cpu"

    @property
    def T(self) -> "Tensor":
        """The tensor with its last two axes exchanged."""
        return self.transpose()

    @property
    def is_leaf(self) -> bool:
        """Whether no recorded op made this tensor."""
        return self.node is None

    @property
    def grad(self) -> "Tensor | None":
        """The accumulated gradient, or None."""
        return mode.evaluator.get_grad(self)  # type: ignore[no-any-return]

    @grad.setter
    def grad(self, value: "Tensor | None") -> None:
        if value is not None and not self._is_like(value):
            found = value.spec if isinstance(value, Tensor) else type(value).__name__
            raise GradientError(f"the gradient of a {self.spec} tensor cannot be {found}")
        mode.evaluator.set_grad(self, value)

    def _is_like(self, other: Any) -> bool:
        """Return whether another is a tensor of this one's shape and dtype."""
        same_shape = isinstance(other, Tensor) and other.shape == self.shape
        return same_shape and other.dtype is self.dtype

    def requires_grad_(self, wanted: bool = True) -> "Tensor":
        """Switch on (or off) that gradients are wanted for this tensor; return it."""
        if wanted and not self.dtype.is_float:
            raise DTypeError(f"only floats have gradients, not {self.dtype}")
        if self.node is not None and not wanted:
            raise GradientError("this tensor was computed", hint="use x.detach()")
        self.requires_grad = wanted
        return self

    @op
    def backward(self, gradient: Any = None, retain_graph: bool = False) -> None:
        """Add the gradient of this tensor to `.grad` of every leaf that it depends on.

        Args:
            gradient: what to multiply by, of this tensor's shape; may be left out for a scalar.
            retain_graph: keep what is needed to go back a second time.
        """
        seed = None if gradient is None else as_tensor(gradient, self.dtype)
        backward(self, seed, retain_graph)

    def detach(self) -> "Tensor":
        """Return a tensor of the same values with no history."""
        return mode.evaluator.detach(self)  # type: ignore[no-any-return]

    @op
    def assign(self, value: Any) -> "Tensor":
        """Give this tensor new values of the same shape and dtype; return it."""
        value = as_tensor(value, self.dtype)
        if value.shape != self.shape:
            raise ShapeError(f"a tensor of shape {self.shape} cannot become {value.shape}")
        if value.dtype is not self.dtype:
            hint = f'assign value.cast("{self.dtype}")'
            raise DTypeError(f"a {self.dtype} tensor cannot become {value.dtype}", hint=hint)
        if self.node is not None:
            raise GradientError("a computed tensor cannot be assigned to", hint="x.detach() can")
        if mode.before is not None:
            mode.before.setdefault(id(self), (self, self.detach()))
        mode.evaluator.assign(self, value)
        assigned(self)
        return self

    @op
    def cast(self, dtype: DTypeLike) -> "Tensor":
        """Return the tensor with another dtype.

        >>> Tensor([1.7, -1.7]).cast("int64")
        tensor([ 1, -1])
        """
        return cast(self, as_dtype(dtype))  # type: ignore[no-any-return]

    def to(self, target: DTypeLike) -> "Tensor":
        """Return the tensor with another dtype, or on device "cpu"."""
        if isinstance(target, str) and target not in BY_NAME:
            check_device(target)
            return self
        return self.cast(target)

    def numpy(self) -> Array:
        """Return the values as a read-only array that shares memory; 16-bit floats as float32."""
        view: Array = mode.evaluator.read(self, "numpy()").view()
        if self.dtype.is_half:
            return self.cast(float32).numpy()
        view.flags.writeable = False
        return view

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Array:
        return np.array(self.numpy(), dtype=dtype, copy=copy)

    def item(self) -> Any:
        """Return the one element as a Python number."""
        data = mode.evaluator.read(self, "item()")
        if data.size != 1:
            fact = f"item() takes a tensor of one element, this has shape {self.shape}"
            raise ShapeError(fact, hint="use tolist()")
        return data.item() if not self.dtype.is_half else self.numpy().item()

    def tolist(self) -> Any:
        """Return the elements as nested lists of Python numbers."""
        return self.numpy().tolist()

    def __bool__(self) -> bool:
        data = mode.evaluator.read(self, "if, while, and, or, not or bool()")
        if data.size != 1:
            fact = f"a tensor of shape {self.shape} is neither true nor false"
            raise ShapeError(fact, hint="compare one element, or reduce it first")
        return bool(data)

    def __float__(self) -> float:
        return float(self.item())

    def __int__(self) -> int:
        return int(self.item())

    def __index__(self) -> int:
        if self.dtype.is_float:
            raise DTypeError(f"a {self.dtype} tensor is no index")
        return int(self.item())

    def __len__(self) -> int:
        if not self.shape:
            raise ShapeError("a scalar has no length")
        return self.shape[0]

    def __iter__(self) -> Iterator["Tensor"]:
        return (self[position] for position in range(len(self)))

    def __contains__(self, value: Any) -> bool:
        return bool((self == value).numpy().any())

    def __hash__(self) -> int:
        return id(self)

    def __format__(self, spec: str) -> str:
        return format(self.item(), spec) if spec else str(self)

    def __getattr__(self, name: str) -> Any:
        more = advice(TENSOR, name, dir(type(self)))
        raise AttributeError(f"a tensor has no attribute {name!r}{more}")

    def __repr__(self) -> str:
        if not isinstance(self.data, np.ndarray):
            return f"tensor({self.data.what}, {self.dtype} {self.shape})"
        values = np.array2string(self.numpy(), separator=", ", prefix="tensor(")
        usual = self.dtype.name in ("float32", "int64", "bool")
        notes = "" if usual else f", dtype={self.dtype}"
        notes += ", requires_grad=True" if self.requires_grad else ""
        return f"tensor({values}{notes})"

    def __deepcopy__(self, memo: dict[int, Any]) -> "Tensor":
        copy = Tensor.wrap(mode.evaluator.read(self, "a deep copy").copy("K"), self._dtype)
        copy.requires_grad = self.requires_grad
        copy.name = self.name
        memo[id(self)] = copy
        return copy


class Eager:
    """The evaluator that computes at once, with the primitives' NumPy meaning."""

    def __init__(self) -> None:
        self._numbers: dict[tuple[type, Any, DType | None], Tensor] = {}

    def apply(self, primitive: Primitive, inputs: Sequence[Any], params: dict[str, Any]) -> Any:
        try:
            data = primitive.numpy(*[x.data for x in inputs], **params)
        except (TypeError, ValueError, AttributeError):
            for x in inputs:
                self.read(x, primitive.name)
            raise
        if primitive.outputs == 1:
            if type(data) is not np.ndarray:
                data = np.asarray(data)
            result: Any = Tensor.wrap(data)
            if data.dtype.char == "H":  # the bits of 16-bit floats look like uint16
                result._dtype = primitive.rule(*[x.spec for x in inputs], **params).dtype
        else:
            result = tuple(Tensor.wrap(np.asarray(one)) for one in data)
            if any(one.data.dtype.char == "H" for one in result):
                made = primitive.rule(*[x.spec for x in inputs], **params)
                for one, spec in zip(result, made, strict=True):
                    one._dtype = spec.dtype
        if mode.grad:
            record(primitive, inputs, params, result)
        if mode.anomaly:
            _check_nan(primitive, result)
        return result

    def constant(self, data: Any, dtype: DType | None) -> Tensor:
        key = (type(data), data, dtype) if isinstance(data, (int, float)) and data else None
        known = self._numbers.get(key) if key is not None else None
        if known is not None:
            return self.detach(known)  # anew, so that nobody can change the kept one
        array, kind = to_array(data, dtype)
        made = Tensor.wrap(array, kind if kind.is_half else None)
        if key is not None and data == data:
            if len(self._numbers) >= 1000:
                self._numbers.clear()
            self._numbers[key] = self.detach(made)
        return made

    def alias(self, x: Tensor) -> Tensor:
        return Tensor.wrap(x.data, x._dtype)

    detach = alias

    def assign(self, x: Tensor, value: Tensor) -> None:
        x.data = self.read(value, "assign()")

    def get_grad(self, x: Tensor) -> Tensor | None:
        return x._grad

    def set_grad(self, x: Tensor, value: Tensor | None) -> None:
        x._grad = value

    def read(self, x: Tensor, what: str) -> Array:
        if not isinstance(x.data, np.ndarray):
            raise x.data.leaked()
        return x.data

    def watch(self, owner: Any, attribute: str, value: Any) -> None:
        pass


Mode.evaluator = Eager()


def as_tensor(x: Any, dtype: DType | None = None) -> Tensor:
    """Return `x` if it is a tensor, else the tensor of a number, list or array."""
    return x if isinstance(x, Tensor) else mode.evaluator.constant(x, dtype)


def tensor(
    data: Any,
    dtype: DTypeLike | None = None,
    requires_grad: bool = False,
    device: str = "cpu",
) -> Tensor:
    """Return a tensor of numbers, nested lists or an array, copied.

    >>> tensor([[1, 2], [3, 4]], dtype="float32")
    tensor([[1., 2.],
            [3., 4.]])
    """
    return Tensor(data, dtype, requires_grad, device)


def check_device(device: str) -> None:
    """Raise unless the device is the CPU."""
    if device not in ("cpu", "cpu:0"):
        hint = 'use device="cpu"; it may also be left out'
        raise DeviceError(
            f"there is no device {device!r}: Rushlight computes on the CPU", hint=hint
        )


def to_array(data: Any, dtype: DType | None = None) -> tuple[Array, DType]:
    """Return a fresh array that holds `data`, and the dtype of its elements.

    Raises:
        DTypeError: for what is not made of numbers, or does not fit the dtype.
        ShapeError: for nested lists of differing lengths.
    """
    if isinstance(data, (bool, int, float)):
        dtype = dtype or (bool_ if isinstance(data, bool) else as_dtype(type(data)))
        return _number(data, dtype), dtype
    try:
        array = np.array(data)
    except ValueError:
        fact = "nested lists of differing lengths make no tensor"
        several = "take results apart first: outputs, state = layer(x)"
        raise ShapeError(fact, hint=several if isinstance(data, tuple) else None) from None
    if array.dtype == np.float16:
        array, found = array.astype(np.float16).view(np.uint16), float16
    elif array.dtype.char in BY_CHAR:
        found = BY_CHAR[array.dtype.char]
        array = array.astype(found.storage, copy=False)  # in this machine's byte order
    else:
        kind = type(data).__name__ if array.dtype == object else str(array.dtype)
        raise DTypeError(f"a tensor holds numbers, not {kind}", hint="convert to numbers first")
    if not hasattr(data, "__array__"):
        if dtype is None:
            dtype = _default(array, found, data)
        _check_range(array, dtype)
    if dtype is None or dtype is found:
        return array, found
    return cast_p.numpy(array, source=found, dtype=dtype), dtype


def _number(data: float, dtype: DType) -> Array:
    """Return a Python number as an array without axes."""
    try:
        if (isinstance(data, int) and not dtype.is_half) or (dtype.is_wide and abs(data) < 1e38):
            return np.array(data, dtype.storage)
        wide = np.array(data, np.float64)
    except OverflowError:
        raise DTypeError(f"{data} does not fit {dtype}") from None
    return np.asarray(cast_p.numpy(wide, source=float64, dtype=dtype))


def _check_range(array: Array, dtype: DType) -> None:
    if array.size and array.dtype.kind in "iuf" and dtype.kind in ("int", "uint"):
        info = np.iinfo(dtype.storage)
        for extreme in (array.min(), array.max()):
            if not info.min <= extreme <= info.max:
                raise DTypeError(f"{extreme} does not fit {dtype}")


def _default(array: Array, found: DType, data: Any) -> DType:
    """Return float32 for lists of Python floats, int64 for lists of ints."""
    if array.size == 0 or (found is float64 and _holds_python_numbers(data)):
        return float32
    return int64 if found.kind == "int" else found


def _holds_python_numbers(data: Any) -> bool:
    while isinstance(data, (list, tuple)):
        data = data[0]
    return isinstance(data, (int, float)) and not isinstance(data, np.generic)


def _check_nan(primitive: Primitive, result: Any) -> None:
    for one in result if isinstance(result, tuple) else (result,):
        if one.dtype.is_float and not one.dtype.is_half and np.isnan(one.data).any():
            raise AnomalyError("the result has a NaN")
