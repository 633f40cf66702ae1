"""`bind`, through which every computation goes, and the one place where errors are explained."""

import functools
import inspect
from collections.abc import Callable, Sequence
from typing import Any, ParamSpec, TypeVar

from rushlight.core.dtypes import DType
from rushlight.core.errors import (
    AnomalyError,
    BoundsError,
    RushlightError,
    TraceError,
    UsageError,
)
from rushlight.core.mode import mode
from rushlight.core.primitive import Primitive, Value
from rushlight.core.source import user_line

Parameters = ParamSpec("Parameters")
Result = TypeVar("Result")

# What NumPy raises for operands and sizes that it cannot work with.
EXPLAINED = (RushlightError, ValueError, TypeError, IndexError, OverflowError, MemoryError)


def bind(primitive: Primitive, *inputs: Any, **params: Any) -> Any:
    """Apply a primitive to values under the current evaluator.

    Whatever goes wrong is raised as one error that names the op, its operands and the user's line.
    """
    try:
        return mode.evaluator.apply(primitive, inputs, params)
    except EXPLAINED as error:
        explained = _explain(error, primitive, inputs, params)
    raise explained from None


def bind_checked(primitive: Primitive, *inputs: Any, **params: Any) -> Any:
    """`bind` for operands that NumPy takes more readily than the rule, which is asked first."""
    try:
        primitive.rule(*[x.spec for x in inputs], **params)
    except RushlightError as error:
        explained = _explain(error, primitive, inputs, params)
    else:
        return bind(primitive, *inputs, **params)
    raise explained from None


def op(function: Callable[Parameters, Result]) -> Callable[Parameters, Result]:
    """Make a function of values an op: its errors name it, its operands and the user's line."""
    names = tuple(inspect.signature(function).parameters)

    @functools.wraps(function)
    def named(*args: Parameters.args, **kwargs: Parameters.kwargs) -> Result:
        try:
            return function(*args, **kwargs)
        except RushlightError as error:
            if not isinstance(error, (AnomalyError, TraceError)):
                values = dict(zip(names, args, strict=False)) | kwargs
                locate(error, function.__name__, values)
            explained = error
        except TypeError:
            if kwargs.keys().isdisjoint(("dim", "keepdim")):
                raise
            hint = "write axis= for dim=, keepdims= for keepdim="
            explained = UsageError("axes are named as in NumPy", hint=hint)
            locate(explained, function.__name__, dict(zip(names, args, strict=False)))
        raise explained from None

    return named


def as_value(x: Any, dtype: DType | None = None) -> Any:
    """Return `x` if it is a value already, else the constant that stands for it."""
    return x if isinstance(x, Value) else mode.evaluator.constant(x, dtype)


def _explain(
    error: Exception, primitive: Primitive, inputs: Sequence[Any], params: dict[str, Any]
) -> RushlightError:
    """Return the error to raise for what went wrong: the rule's fact before NumPy's."""
    if not isinstance(error, RushlightError):
        try:
            primitive.rule(*[value.spec for value in inputs], **params)
        except RushlightError as fact:
            error = fact
        else:
            kind = BoundsError if isinstance(error, IndexError) else RushlightError
            error = kind(str(error))
    if error.op is None:
        locate(error, primitive.name, dict(primitive.labelled(inputs)))
    return error


def locate(error: RushlightError, name: str, values: dict[str, Any]) -> RushlightError:
    """Say in an error which op it happened in, on which operands, at which line of the user's."""
    error.op = name
    error.source = error.source or user_line()
    error.module = error.module or mode.module_path()
    operands = []
    for label, x in values.items():
        parts = enumerate(x) if isinstance(x, (list, tuple)) else ()
        operands += [(f"{label} {i}", str(one.spec)) for i, one in parts if isinstance(one, Value)]
        operands += [(label, str(x.spec))] if isinstance(x, Value) else []
    error.operands = operands or error.operands
    return error
