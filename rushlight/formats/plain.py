"""Plain values and JSON: what a model file says beside its tensors.

Reading is strict: no NaN, no name twice, no depth or number that a file has no need of. Python
values that JSON lacks (dtypes, infinities, dicts beside tagged objects) are written as objects
with one telling key, so that reading never has to guess, and never runs anything.
"""

import json
import math
from collections.abc import Callable
from typing import Any, NoReturn

import numpy as np

from rushlight.core.dtypes import BY_NAME, DType
from rushlight.core.errors import FormatError, ModuleError, UsageError, did_you_mean
from rushlight.formats.safetensors_header import shown

MAX_DEPTH = 100  # of JSON; three levels a module
MAX_DIGITS = 20  # of an integer: those of 64 bits

_INFINITIES = {"inf": math.inf, "-inf": -math.inf, "nan": math.nan}

Special = Callable[[Any, str], Any]


def write_json(value: Any) -> str:
    """Return plain values as the shortest JSON.

    >>> write_json({"labels": ["ham", "spam"]})
    '{"labels":["ham","spam"]}'
    """
    return json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))


def read_json(text: str, what: str) -> Any:
    """Return what a JSON text says.

    Raises:
        FormatError: it is not JSON, or has NaN, an infinity, a name twice, an integer of more
            than 64 bits, half a surrogate pair, or more than 100 levels.

    >>> read_json('{"a": 1, "a": 2}', "task")
    Traceback (most recent call last):
    ...
    rushlight.FormatError: task: the name 'a' appears twice
    """
    try:
        value = json.loads(
            text,
            object_pairs_hook=_object,
            parse_float=_float,
            parse_int=_int,
            parse_constant=_constant,
        )
        _check_read(value, 1)
    except json.JSONDecodeError as error:
        raise FormatError(f"{what}: not JSON: {error}") from None
    except RecursionError:
        raise FormatError(f"{what}: more than {MAX_DEPTH} levels deep") from None
    except ValueError as error:
        raise FormatError(f"{what}: {error}") from None
    return value


def read_object(text: str, what: str) -> dict[str, Any]:
    """Return what a JSON text says that must be an object.

    Raises:
        FormatError: it is something else, or what `read_json` refuses.
    """
    value = read_json(text, what)
    if not isinstance(value, dict):
        raise FormatError(f"{what}: {brief(value)} is no object")
    return value


def check_plain(value: Any, where: str, depth: int = 1) -> None:
    """Raise unless JSON can say the value exactly (but for tuples, which it calls lists).

    Raises:
        UsageError: names the place and what stands there.

    >>> check_plain({"labels": ["ham", None], "scale": 0.5}, "task")
    """
    if depth > MAX_DEPTH:
        raise UsageError(f"{where.partition('[')[0]} is more than {MAX_DEPTH} levels deep")
    if isinstance(value, dict):
        for key, inner in value.items():
            if not isinstance(key, str):
                raise UsageError(f"{where} has the key {key!r:.60}, which is no string")
            check_plain(key, where, depth)
            check_plain(inner, f"{where}[{shown(key)}]", depth + 1)
    elif isinstance(value, (list, tuple)):
        for position, inner in enumerate(value):
            check_plain(inner, f"{where}[{position}]", depth + 1)
    elif isinstance(value, str):
        if not _is_unicode(value):
            raise UsageError(f"{where} has half a surrogate pair, which no file can hold")
    elif isinstance(value, int):
        if not -(2**63) <= value < 2**64:
            raise UsageError(f"{where} is an integer of more than 64 bits")
    elif isinstance(value, float):
        if not math.isfinite(value):
            raise UsageError(f"{where} is {value}, which JSON has no word for")
    elif value is not None:
        hint = "use strings, numbers, True, False, None, lists and dicts of them"
        raise UsageError(
            f"{where} is {_a(type(value).__name__)}, which JSON has no word for", hint=hint
        )


def encode(value: Any, where: str, special: Special | None = None) -> Any:
    """Return a Python value as plain JSON; `special` is asked about what has no form of its own.

    Lists and tuples become lists, NumPy scalars numbers.

    Raises:
        ModuleError: the value, or one inside, cannot be written.

    >>> encode((1, -math.inf, BY_NAME["int8"], {"a": None}), "x")
    [1, {'float': '-inf'}, {'dtype': 'int8'}, {'dict': {'a': None}}]
    """
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float) and not math.isfinite(value):
        return {"float": str(float(value))}
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    if isinstance(value, DType):
        return {"dtype": value.name}
    if isinstance(value, (list, tuple)):
        return [encode(one, f"{where}[{place}]", special) for place, one in enumerate(value)]
    if isinstance(value, dict) and all(isinstance(key, str) for key in value):
        inner = {k: encode(one, f"{where}[{k!r}]", special) for k, one in value.items()}
        return {"dict": inner}
    if special is not None:
        return special(value, where)
    raise ModuleError(f"{where} is {_a(type(value).__name__)}, which a model file cannot hold")


def decode(value: Any, where: str, special: Special | None = None) -> Any:
    """Return the Python value that `encode` wrote; lists come back as tuples.

    `special` is asked about objects with other keys than those of `encode`.

    Raises:
        FormatError: an object is none that `encode` writes.

    >>> decode([1, {"dtype": "int8"}], "x")
    (1, int8)
    """
    if isinstance(value, list):
        return tuple(decode(one, f"{where}[{i}]", special) for i, one in enumerate(value))
    if not isinstance(value, dict):
        return value
    if len(value) == 1:
        tag, inner = next(iter(value.items()))
        if tag == "dict" and isinstance(inner, dict):
            return {k: decode(one, f"{where}[{shown(k)}]", special) for k, one in inner.items()}
        if tag == "dtype":
            return dtype_of(inner, where)
        if tag == "float" and isinstance(inner, str) and inner in _INFINITIES:
            return _INFINITIES[inner]
    if special is not None:
        return special(value, where)
    raise FormatError(f"{where}: {brief(value)} is no value")


def fields(record: Any, where: str, *names: str) -> list[Any]:
    """Return the values of an object that must have exactly these names.

    Raises:
        FormatError: it is no object, lacks a name or has another.

    >>> fields({"op": "exp", "inputs": [0]}, "node 0", "op", "inputs")
    ['exp', [0]]
    """
    if not isinstance(record, dict):
        raise FormatError(f"{where}: {brief(record)} is no object")
    for name in names:
        if name not in record:
            raise FormatError(f"{where}: {name} is missing")
    for name in record:
        if name not in names:
            raise FormatError(
                f"{where}: {shown(name)} has no meaning here", hint=did_you_mean(name, names)
            )
    return [record[name] for name in names]


def dtype_of(name: Any, where: str) -> DType:
    """Return the dtype of a name read from a file.

    Raises:
        FormatError: there is none.
    """
    if not isinstance(name, str) or name not in BY_NAME:
        hint = did_you_mean(name, BY_NAME) if isinstance(name, str) else None
        raise FormatError(f"{where}: there is no dtype {brief(name)}", hint=hint)
    return BY_NAME[name]


def brief(value: Any) -> str:
    """Return a value read from a file as it may stand in a message: short, on one line.

    >>> brief({"a": list(range(100))})
    "{'a': [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10,..."
    """
    text = repr(value)
    return text if len(text) <= 43 else text[:40] + "..."


def _a(name: str) -> str:
    return f"{'an' if name[:1] in 'AEIOaeio' else 'a'} {name}"


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) < len(pairs):
        seen: set[str] = set()
        for name, _ in pairs:
            if name in seen:
                raise ValueError(f"the name {shown(name)} appears twice")
            seen.add(name)
    return made


def _int(digits: str) -> int:
    if len(digits) <= MAX_DIGITS:
        number = int(digits)
        if -(2**63) <= number < 2**64:
            return number
    raise ValueError(f"the integer {digits[:24]}... has more than 64 bits")


def _float(digits: str) -> float:
    number = float(digits)
    if not math.isfinite(number):
        raise ValueError(f"the number {digits[:40]} is too large")
    return number


def _constant(word: str) -> NoReturn:
    raise ValueError(f"{word} is no JSON")


def _check_read(value: Any, depth: int) -> None:
    if depth > MAX_DEPTH:
        raise ValueError(f"more than {MAX_DEPTH} levels deep")
    if isinstance(value, str) and not _is_unicode(value):
        raise ValueError(f"{shown(value)} has half a surrogate pair")
    if isinstance(value, list):
        for one in value:
            _check_read(one, depth + 1)
    elif isinstance(value, dict):
        for name, one in value.items():
            _check_read(name, depth + 1)
            _check_read(one, depth + 1)


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
