"""The family of pointwise primitives: what they share, and the factories that enter one."""

import functools
import inspect
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from rushlight.core.bind import as_value, bind, bind_checked, locate
from rushlight.core.dtypes import (
    DType,
    bfloat16,
    bool_,
    float16,
    float32,
    float64,
    int64,
    promote,
)
from rushlight.core.errors import DTypeError, RushlightError
from rushlight.core.kernels import Map
from rushlight.core.primitive import METHODS, Primitive, Sample, Spec, Value, register
from rushlight.core.shapes import Shape, broadcast_shapes

Rule = Callable[..., Any]

OPERANDS = {1: ("x",), 2: ("x", "y"), 3: ("condition", "x", "y")}  # what C texts call them


class Pointwise(Primitive):
    """An op that works element by element, with NumPy broadcasting between its operands.

    `c` is its expression in C, with a placeholder for each operand; where that depends on the dtype
    of the operands it is a mapping from dtypes' names and kinds, of which the name comes first.
    `vjp` has one rule per operand, a function of (g, y, *operands); an argument whose name begins
    with an underscore is one whose value the rule does not read. `cost` is how many additions take
    as long.
    """

    def __init__(
        self,
        name: str,
        *,
        numpy: Callable[..., Any],
        c: str | Mapping[str, str],
        doc: str,
        vjp: tuple[Rule, ...] = (),
        kinds: str = "float",
        result: DType | None = None,
        sample: tuple[float, float] = (-2.0, 2.0),
        onnx: str | None = None,
        smooth: bool = True,
        ulps: int = 4,
        cost: int = 1,
        labels: tuple[str, ...] = ("input",),
    ) -> None:
        self.name = self.__name__ = name
        self.__doc__ = doc
        self.numpy = numpy
        self.c = c
        self.rules = vjp
        self.kinds = tuple(kinds.split())
        self.result = result
        self.sample = sample
        self.onnx = onnx
        self.smooth = smooth
        self.ulps = ulps
        self.cost = cost
        self.labels = labels
        self.differentiable = bool(vjp)
        self.reads = [_positions_read(rule) for rule in vjp]
        self.uses_output = any(0 in read for read in self.reads)
        self.function = self.as_function()

    def as_function(self) -> Callable[..., Any]:
        """Return the op as a plain function, which can be a method."""
        return functools.partial(bind, self)

    def rule(self, *specs: Spec, **params: Any) -> Spec:
        dtype = self.common_dtype(specs)
        shape = broadcast_shapes(*[spec.shape for spec in specs])
        return Spec(shape, self.result or dtype)

    def vjp(self, wrt: int, g: Any, y: Any, *inputs: Any, **params: Any) -> Any:
        return unbroadcast(self.rules[wrt](g, y, *inputs), inputs[wrt].shape)

    def saves(self, wrt: int, arity: int) -> Iterable[int]:
        return [position - 1 for position in self.reads[wrt] if position > 0]

    def batched(self, has: Sequence[bool], *inputs: Any, **params: Any) -> Any:
        return bind(self, *lined_up(has, inputs), **params)

    def lower(self, *specs: Spec, **params: Any) -> Map:
        dtype = specs[-1].dtype
        text = self.c
        if not isinstance(text, str):
            text = text[dtype.name] if dtype.name in text else text[dtype.kind]
        return Map(text, OPERANDS[len(specs)], self.cost)

    def samples(self) -> list[Sample]:
        low, high = self.sample
        shapes: list[tuple[Any, ...]] = [((),), ((0, 3),), ((2, 3),), ((4, 1, 5),), ((17,),)]
        if len(self.labels) == 2:
            shapes = [((), ()), ((2, 3), (3,)), ((2, 1), (1, 4)), ((0, 3), (1,)), ((5,), (5,))]
        return [Sample(one, low=low, high=high) for one in shapes]

    def takes(self, dtype: DType) -> bool:
        """Return whether the rule takes operands of this dtype."""
        return dtype.kind in self.kinds and not dtype.is_half

    def common_dtype(self, specs: tuple[Spec, ...]) -> DType:
        """Return the one dtype of the operands, or raise."""
        for spec in specs:
            if spec.dtype.is_half:
                fact = f"{spec.dtype} can only be cast, moved and saved"
                raise DTypeError(fact, hint="cast to float32 first")
            if spec.dtype.kind not in self.kinds:
                raise DTypeError(f"does not take {spec.dtype}, only {' and '.join(self.kinds)}")
            if spec.dtype is not specs[0].dtype:
                raise DTypeError(f"dtypes differ: {specs[0].dtype} and {spec.dtype}")
        return specs[0].dtype


class Unary(Pointwise):
    """A pointwise op of one operand; integers become float32 where the op is one of floats."""

    def as_function(self) -> Callable[[Any], Any]:
        """Return the op as a plain function, which can be a method."""
        takes_floats = "float" in self.kinds
        floats_only = self.kinds == ("float",)

        def function(x: Any) -> Any:
            if not isinstance(x, Value):
                try:
                    x = as_value(x)
                except RushlightError as error:
                    raise locate(error, self.name, {}) from None
            if takes_floats and x.dtype.is_wide:
                return bind(self, x)
            if floats_only and not x.dtype.is_float:
                return bind(self, cast(x, float32))
            return bind(self, x) if self.takes(x.dtype) else bind_checked(self, x)

        return _named(function, self)

    def __call__(self, x: Any) -> Any:
        return self.function(x)


class Binary(Pointwise):
    """A pointwise op of two operands, which are brought to one dtype; Python numbers adapt."""

    def as_function(self) -> Callable[[Any, Any], Any]:
        """Return the op as a plain function, which can be a method."""
        takes_floats = "float" in self.kinds

        def function(x: Any, y: Any) -> Any:
            if takes_floats and isinstance(x, Value):
                dtype = x.dtype
                if dtype.is_wide:
                    if type(y) is float:
                        return bind(self, x, as_value(y, dtype))
                    if isinstance(y, Value) and y.dtype is dtype:
                        return bind(self, x, y)
            try:
                left, right = self.align(x, y)
            except RushlightError as error:
                raise locate(error, self.name, {"left": x, "right": y}) from None
            fits = left.dtype is right.dtype and self.takes(left.dtype)
            return bind(self, left, right) if fits else bind_checked(self, left, right)

        return _named(function, self)

    def __call__(self, x: Any, y: Any) -> Any:
        return self.function(x, y)

    def align(self, x: Any, y: Any) -> tuple[Any, Any]:
        """Return both as values of one dtype, where they have one."""
        if type(y) is float and isinstance(x, Value) and x.dtype.is_float and not x.dtype.is_half:
            return x, as_value(y, x.dtype)
        if isinstance(x, Value):
            y = as_value(y, _dtype_beside(y, x.dtype))
        elif isinstance(y, Value):
            x = as_value(x, _dtype_beside(x, y.dtype))
        x, y = as_value(x), as_value(y)
        if x.dtype.is_half or y.dtype.is_half:
            return x, y
        dtype = promote(x.dtype, y.dtype)
        if self.kinds == ("float",) and not dtype.is_float:
            dtype = float32
        return cast(x, dtype), cast(y, dtype)


class Where(Pointwise):
    """Choice between two operands by a bool one."""

    def rule(self, *specs: Spec, **params: Any) -> Spec:
        if specs[0].dtype is not bool_:
            raise DTypeError(f"the condition is bool, not {specs[0].dtype}")
        shape = broadcast_shapes(*[spec.shape for spec in specs])
        return Spec(shape, self.common_dtype(specs[1:]))

    def samples(self) -> list[Sample]:
        condition = np.array([[True, False, True], [False, False, True]])
        return [
            Sample((condition, (2, 3), (2, 3))),
            Sample((condition, (3,), ())),
            Sample((np.array(True), (2, 1), (4,))),
            Sample((np.zeros((0, 3), bool), (3,), (1,))),
            Sample((condition[0], (2, 3), (2, 1))),
        ]


class Cast(Primitive):
    """A change of dtype; between floats it carries gradients."""

    name = "cast"
    onnx = "Cast"

    def rule(self, *specs: Spec, **params: Any) -> Spec:
        return Spec(specs[0].shape, params["dtype"])

    def numpy(self, x: Any, *, source: DType, dtype: DType) -> Any:
        if source.is_half:
            x = _widen(x, source)
        if dtype.is_half:
            return _narrow(np.asarray(x), dtype)
        with np.errstate(invalid="ignore", over="ignore"):
            return x.astype(dtype.storage)

    def vjp(self, wrt: int, g: Any, y: Any, *inputs: Any, **params: Any) -> Any:
        both_floats = params["source"].is_float and params["dtype"].is_float
        return cast(g, params["source"]) if both_floats else None

    def lower(self, *specs: Spec, **params: Any) -> Map:
        return Map(_c_of_cast(params["source"], params["dtype"]), OPERANDS[1])

    def saves(self, wrt: int, arity: int) -> Iterable[int]:
        return ()

    def batched(self, has: Sequence[bool], *inputs: Any, **params: Any) -> Any:
        return bind(self, *inputs, **params)

    def samples(self) -> list[Sample]:
        to64 = {"source": float32, "dtype": float64}
        return [Sample((shape,), dict(to64)) for shape in ((), (0, 2), (2, 3), (4,), (1, 2, 3))]


cast_p = register(Cast())


def cast(x: Any, dtype: DType) -> Any:
    """Return `x` with another dtype; `x` itself if it has that one."""
    return x if x.dtype is dtype else bind(cast_p, x, source=x.dtype, dtype=dtype)


def unary(
    name: str,
    *,
    operator: str | None = None,
    method: bool = True,
    vjp: Rule | None = None,
    **record: Any,
) -> Unary:
    """Enter a pointwise primitive of one operand; `operator` is what Python calls its operator."""
    primitive = register(Unary(name, vjp=(vjp,) if vjp else (), **record))
    if method:
        METHODS[name] = primitive.function
    if operator:
        METHODS[f"__{operator}__"] = primitive.function
    return primitive


def binary(name: str, *, operator: str | None = None, **record: Any) -> Binary:
    """Enter a pointwise primitive of two operands; `operator` is what Python calls its operator."""
    primitive = register(Binary(name, labels=("left", "right"), **record))
    METHODS[name] = primitive.function
    if operator:
        METHODS[f"__{operator}__"] = primitive.function
        if operator in ("eq", "ne"):
            METHODS[f"__{operator}__"] = _answering(primitive)
        elif operator not in ("lt", "le", "gt", "ge"):
            METHODS[f"__r{operator}__"] = _swapped(primitive)
    return primitive


def unbroadcast(g: Any, shape: Shape) -> Any:
    """Sum a gradient over the axes along which its operand of `shape` was broadcast."""
    if g is None or g.shape == shape:
        return g
    extra = len(g.shape) - len(shape)
    axes = tuple(range(extra)) + tuple(
        extra + axis for axis, size in enumerate(shape) if size == 1 and g.shape[extra + axis] != 1
    )
    return g.sum(axes).reshape(shape)


def lined_up(has: Sequence[bool], inputs: Sequence[Any]) -> list[Any]:
    """Return operands whose items broadcast, with a first axis of items where they have one."""
    rank = max(x.rank - own for x, own in zip(inputs, has, strict=True))
    return [
        x.reshape((x.shape[0], *(1,) * (rank + 1 - x.rank), *x.shape[1:])) if own else x
        for x, own in zip(inputs, has, strict=True)
    ]


def quiet(function: Callable[..., Any]) -> Callable[..., Any]:
    """Make a NumPy function give inf and NaN without a warning, as C does."""

    def silent(*arrays: Any) -> Any:
        with np.errstate(all="ignore"):
            return function(*arrays)

    return silent


def choose(condition: Any, x: Any, y: Any) -> Any:
    """Do what `np.where` does, without its jumps where many elements give way to 0.

    A gradient's mask is random, so a processor cannot foresee where NumPy will jump to.
    """
    if condition.size < 4096 or x.dtype.itemsize < 4 or y.ndim > 0:
        return np.where(condition, x, y)
    bits = np.int32 if x.dtype.itemsize == 4 else np.int64
    if y.view(bits) != 0:  # -0.0 is another number here
        return np.where(condition, x, y)
    return (x.view(bits) * condition).view(x.dtype)


def _answering(primitive: Binary) -> Callable[[Any, Any], Any]:
    """Leave the comparison with what is no number to Python: a tensor is not equal to None."""

    @functools.wraps(primitive.function)
    def compared(x: Any, y: Any) -> Any:
        return NotImplemented if y is None or isinstance(y, str) else primitive.function(x, y)

    return compared


def _swapped(primitive: Binary) -> Callable[[Any, Any], Any]:
    def reflected(x: Any, y: Any) -> Any:
        return primitive.function(y, x)

    return reflected


def _named(function: Callable[..., Any], primitive: Pointwise) -> Callable[..., Any]:
    function.__name__ = function.__qualname__ = primitive.name
    function.__doc__ = primitive.__doc__
    return function


def _positions_read(rule: Rule) -> list[int]:
    """Return which arguments after g a rule reads: 0 is y, 1 the first operand."""
    names = list(inspect.signature(rule).parameters)[1:]
    return [position for position, name in enumerate(names) if not name.startswith("_")]


def _dtype_beside(number: Any, other: DType) -> DType | None:
    """Return the dtype that a Python number takes beside a tensor's, or None for its own."""
    if isinstance(number, bool):
        return other
    if isinstance(number, int):
        return int64 if other is bool_ else other
    if isinstance(number, float):
        return other if other.is_float else float32
    return None


def _widen(x: Any, source: DType) -> Any:
    """Return float32 for the stored bits of a 16-bit float."""
    if source is bfloat16:
        return (np.asarray(x).astype(np.uint32) << np.uint32(16)).view(np.float32)
    return np.asarray(x).view(np.float16).astype(np.float32)


def _c_of_cast(source: DType, dtype: DType) -> str:
    """Return the C of a change of dtype."""
    x = "{x}"
    if source.is_half:
        x, source = f"rl_float_from_{_HALVES[source]}({x})", float32
    if dtype.is_half:
        wide = source is float64 and dtype is not bfloat16
        return f"rl_{_HALVES[dtype]}_from_{'double' if wide else 'float'}({x})"
    if dtype is bool_:
        return f"{x} != 0"
    if source.is_float and not dtype.is_float:
        return f"rl_to_{dtype}({x})"
    return f"({dtype.c}){x}"


_HALVES = {float16: "f16", bfloat16: "bf16"}


def _narrow(x: Any, dtype: DType) -> Any:
    """Return the stored bits of a 16-bit float, rounded to nearest, ties to even."""
    if dtype is not bfloat16:
        with np.errstate(over="ignore"):
            return x.astype(np.float16).view(np.uint16)
    bits = x.astype(np.float32).view(np.uint32)
    rounded = (bits + np.uint32(0x7FFF) + ((bits >> np.uint32(16)) & np.uint32(1))) >> np.uint32(16)
    quiet_nan = (bits >> np.uint32(16)) | np.uint32(0x40)
    return np.where(np.isnan(x), quiet_nan, rounded).astype(np.uint16)
