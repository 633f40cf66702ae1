"""The one table of cases: every primitive on every kind of input, made from its own samples."""

import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

import rushlight.ops.attending
import rushlight.ops.conv
import rushlight.ops.methods
import rushlight.ops.pool
import rushlight.ops.random  # noqa: F401 - all five for the primitives that they enter
from rushlight.core.bind import bind
from rushlight.core.dtypes import (
    DType,
    bfloat16,
    bool_,
    float16,
    float32,
    float64,
    int32,
    int64,
    uint8,
    uint32,
)
from rushlight.core.errors import DTypeError
from rushlight.core.primitive import PRIMITIVES, Array, Primitive, Sample, Spec
from rushlight.tensor import Tensor

LAYOUTS = ("strided", "reversed", "transposed")
OTHER_DTYPES = (float64, float16, bfloat16, int64, int32, uint8, bool_)


@dataclass(frozen=True)
class Case:
    """One call of a primitive: its inputs, how they lie in memory, and its params."""

    primitive: Primitive
    variant: str
    arrays: tuple[Array, ...]  # the distinct inputs, as stored
    dtypes: tuple[DType, ...]
    params: dict[str, Any]
    operands: tuple[int, ...]  # which input each operand is
    layout: str = "plain"

    def __str__(self) -> str:
        return f"{self.primitive.name} {self.variant}"

    def inputs(self) -> list[Tensor]:
        """Return fresh tensors to call the case with."""
        pairs = zip(self.arrays, self.dtypes, strict=True)
        return [Tensor.wrap(_stored(array, self.layout), dtype) for array, dtype in pairs]

    def specs(self) -> list[Spec]:
        """Return the specs of the primitive's operands."""
        return [Spec(self.arrays[i].shape, self.dtypes[i]) for i in self.operands]

    def __call__(self, *inputs: Tensor) -> Any:
        """Apply the primitive to the inputs, read as the layout says."""
        views = [_viewed(x, self.layout) for x in inputs]
        return bind(self.primitive, *[views[i] for i in self.operands], **self.params)


def all_cases() -> list[Case]:
    """Return the cases of every primitive, in float32 and in whatever else it takes.

    >>> "exp strided" in map(str, all_cases())
    True
    """
    found = []
    for primitive in PRIMITIVES.values():
        found += [*cases(primitive, float32), *_cases_of_other_dtypes(primitive)]
    return found


def cases(primitive: Primitive, dtype: DType) -> Iterator[Case]:
    """Yield a primitive's samples, its largest in every layout, and with one tensor twice.

    Args:
        primitive: the primitive.
        dtype: float32 or float64, for the inputs whose samples are shapes.
    """
    samples = [_filled(primitive, one, dtype, str(i)) for i, one in enumerate(primitive.samples())]
    yield from samples
    if samples:
        largest = max(samples, key=lambda case: sum(array.size for array in case.arrays))
        for layout in LAYOUTS:
            yield _varied(largest, layout, layout=layout)
    for case in samples:
        same = case.specs()
        if len(same) >= 2 and case.arrays[-1].size > 1 and same[-1] == same[-2]:
            last = len(same) - 1
            yield _varied(
                case,
                f"{case.variant} same tensor",
                arrays=case.arrays[:-1],
                dtypes=case.dtypes[:-1],
                operands=(*range(last), last - 1),
            )


def _cases_of_other_dtypes(primitive: Primitive) -> Iterator[Case]:
    """Yield the first samples in every other dtype that the primitive's rule takes."""
    for position, sample in enumerate(primitive.samples()[:3]):
        if any(isinstance(value, DType) for value in sample.params.values()):
            continue
        for dtype in OTHER_DTYPES:
            case = _filled(primitive, sample, dtype, f"{position} {dtype}")
            try:
                primitive.rule(*case.specs(), **case.params)
            except DTypeError:
                continue
            if dtype in case.dtypes:
                yield case


def _varied(case: Case, variant: str, **changes: Any) -> Case:
    return Case(**{**vars(case), "variant": variant, **changes})


def _filled(primitive: Primitive, sample: Sample, dtype: DType, variant: str) -> Case:
    """Return the case of a sample: its shapes filled with seeded random numbers."""
    kinds = getattr(primitive, "kinds", (dtype.kind,))
    if "float" not in kinds and dtype.is_float:
        dtype = bool_ if "bool" in kinds else uint32
    random = np.random.default_rng(zlib.crc32(f"{primitive.name} {variant}".encode()))
    sizes = [int(np.prod(shape)) for shape in sample.inputs if isinstance(shape, tuple)]
    numbers = _numbers(sum(sizes), sample, dtype, primitive.smooth, random)
    parts = iter(np.split(numbers, np.cumsum(sizes)[:-1]) if sizes else [])
    arrays, dtypes = [], []
    for given in sample.inputs:
        if isinstance(given, tuple):
            arrays.append(next(parts).reshape(given))
            dtypes.append(dtype)
        else:
            arrays.append(given)
            dtypes.append(Tensor.wrap(given).dtype)
    params = {name: _widened(value, dtype) for name, value in sample.params.items()}
    operands = tuple(range(len(arrays)))
    return Case(primitive, variant, tuple(arrays), tuple(dtypes), params, operands)


def _widened(param: Any, dtype: DType) -> Any:
    """Return a float dtype among params as float64 where the inputs are: casts too are checked."""
    floats = isinstance(param, DType) and param.is_float
    return float64 if floats and dtype is float64 else param


def _numbers(
    count: int, sample: Sample, dtype: DType, smooth: bool, random: np.random.Generator
) -> Array:
    """Return `count` numbers in [low, high], of which a non-smooth op finds none at a kink."""
    if dtype is bool_:
        return random.integers(0, 2, count).astype(bool)
    if dtype is uint32:
        return random.integers(0, 1 << 32, count).astype(np.uint32)
    if not dtype.is_float:
        low = max(sample.low, 0.0) if dtype.kind == "uint" else sample.low
        whole = random.integers(int(np.ceil(low)), int(np.floor(sample.high)) + 1, count)
        return whole.astype(dtype.storage)
    numbers = random.uniform(sample.low, sample.high, count)
    if not smooth:
        numbers = _apart(count, sample.low, sample.high)
        random.shuffle(numbers)
    if dtype is bfloat16:
        return (numbers.astype(np.float32).view(np.uint32) >> 16).astype(np.uint16)
    return (
        numbers.astype(np.float16).view(np.uint16)
        if dtype is float16
        else numbers.astype(dtype.storage)
    )


def _apart(count: int, low: float, high: float) -> Array:
    """Return numbers in [low, high] that keep a distance from each other and from whole ones."""
    step = (high - low) / max(count, 10)
    numbers = low + (np.arange(count) + 0.5) * step
    whole = np.round(numbers)
    side = np.where(numbers < whole, -1.0, 1.0)
    near = np.abs(numbers - whole) < step / 4
    return np.where(near, whole + side * step / 4, numbers)


def _stored(array: Array, layout: str) -> Array:
    """Return the array of which `_viewed` reads this one."""
    if array.ndim == 0 or layout == "plain":
        return array
    if layout == "strided":
        return np.repeat(array, 2, axis=-1)
    return np.flip(array).copy() if layout == "reversed" else array.T.copy()


def _viewed(x: Tensor, layout: str) -> Tensor:
    if x.ndim == 0 or layout == "plain":
        return x
    if layout == "strided":
        return x[..., ::2]
    if layout == "reversed":
        return x[tuple(slice(None, None, -1) for _ in x.shape)]
    return x.permute(tuple(reversed(range(x.ndim))))
