"""The dtypes: one record each, with its NumPy storage, its C type and its name in files."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from rushlight.core.errors import DTypeError, did_you_mean


@dataclass(frozen=True, eq=False)
class DType:
    """How the elements of a tensor are stored.

    `storage` is the NumPy dtype of the bytes; `float16` and `bfloat16` are stored as uint16 and
    can only be cast, moved and saved. `code` is the name in safetensors files.

    >>> float32
    float32
    >>> bfloat16.storage
    dtype('uint16')
    """

    name: str
    kind: str  # "float", "int", "uint" or "bool"
    storage: np.dtype[Any]
    c: str
    code: str

    @cached_property
    def is_float(self) -> bool:
        return self.kind == "float"

    @cached_property
    def is_half(self) -> bool:
        """Whether this is a 16-bit float, which casts and moves but does not compute."""
        return self.kind == "float" and self.storage.itemsize == 2

    @cached_property
    def is_wide(self) -> bool:
        """Whether this is a float that computes: one of 32 or 64 bits."""
        return self.kind == "float" and self.storage.itemsize > 2

    @property
    def itemsize(self) -> int:
        return self.storage.itemsize

    def __eq__(self, other: object) -> bool:
        """Whether the other is this dtype, its name, or a NumPy or Python type that means it."""
        if isinstance(other, DType):
            return self is other
        try:
            return isinstance(other, (str, type, np.dtype)) and as_dtype(other) is self
        except DTypeError:
            return False

    def __hash__(self) -> int:
        return hash(self.name)

    def __repr__(self) -> str:
        return self.name

    def __reduce__(self) -> str:
        return self.name


def _dtype(name: str, kind: str, storage: str, c: str, code: str) -> DType:
    return DType(name, kind, np.dtype(storage), c, code)


float32 = _dtype("float32", "float", "float32", "float", "F32")
float64 = _dtype("float64", "float", "float64", "double", "F64")
float16 = _dtype("float16", "float", "uint16", "uint16_t", "F16")
bfloat16 = _dtype("bfloat16", "float", "uint16", "uint16_t", "BF16")
int8 = _dtype("int8", "int", "int8", "int8_t", "I8")
int16 = _dtype("int16", "int", "int16", "int16_t", "I16")
int32 = _dtype("int32", "int", "int32", "int32_t", "I32")
int64 = _dtype("int64", "int", "int64", "int64_t", "I64")
uint8 = _dtype("uint8", "uint", "uint8", "uint8_t", "U8")
uint16 = _dtype("uint16", "uint", "uint16", "uint16_t", "U16")
uint32 = _dtype("uint32", "uint", "uint32", "uint32_t", "U32")
uint64 = _dtype("uint64", "uint", "uint64", "uint64_t", "U64")
bool_ = _dtype("bool", "bool", "bool", "uint8_t", "BOOL")

DTYPES = (
    float32,
    float64,
    float16,
    bfloat16,
    int8,
    int16,
    int32,
    int64,
    uint8,
    uint16,
    uint32,
    uint64,
    bool_,
)
BY_NAME = {dtype.name: dtype for dtype in DTYPES}
BY_CODE = {dtype.code: dtype for dtype in DTYPES}
# NumPy's one-letter codes are platform-dependent for long/longlong, so every letter is asked.
BY_CHAR = {
    char: next(d for d in DTYPES if d.storage == np.dtype(char) and not d.is_half)
    for char in "?bBhHiIlLqQfd"
}

DTypeLike = DType | str | type | np.dtype[Any]


def as_dtype(dtype: DTypeLike) -> DType:
    """Return the record for a dtype given as a record, a name, a Python type or a NumPy dtype.

    >>> as_dtype("float64"), as_dtype(float), as_dtype(np.uint8)
    (float64, float32, uint8)
    """
    if isinstance(dtype, DType):
        return dtype
    if isinstance(dtype, str) and dtype in BY_NAME:
        return BY_NAME[dtype]
    python = {float: float32, int: int64, bool: bool_}
    if isinstance(dtype, type) and dtype in python:
        return python[dtype]
    try:
        if dtype is None:  # NumPy takes it for float64
            raise TypeError
        found = np.dtype(dtype)
    except (TypeError, ValueError):
        hint = did_you_mean(dtype, BY_NAME) if isinstance(dtype, str) else None
        raise DTypeError(f"unknown dtype {dtype!r}", hint=hint) from None
    if found == np.float16:
        return float16
    if found.char in BY_CHAR:
        return BY_CHAR[found.char]
    raise DTypeError(
        f"no tensor holds NumPy dtype {found}", hint="choose one of " + ", ".join(BY_NAME)
    )


def promote(left: DType, right: DType) -> DType:
    """Return the dtype that both operands of an operation take.

    A float beats any integer, an integer beats bool, the wider of one kind wins, as in PyTorch.

    >>> promote(int64, float32), promote(uint8, int8), promote(bool_, uint8)
    (float32, int16, uint8)
    """
    if left is right:
        return left
    if left.is_half or right.is_half:
        half = left if left.is_half else right
        raise DTypeError(f"{half} can only be cast, moved and saved", hint="cast to float32 first")
    if left.is_float or right.is_float:
        if left.is_float and right.is_float:
            return float64
        return left if left.is_float else right
    common = np.promote_types(left.storage, right.storage)
    return int64 if common.kind == "f" else BY_CHAR[common.char]
