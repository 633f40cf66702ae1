"""The one exception family of Rushlight, and the layout in which it explains itself.

A rule raises the short fact (`ShapeError("inner sizes differ: 3 and 4")`). `bind` alone adds the
op, its operands and the user's line; `Module.__call__` adds the path of the layer.
"""

import difflib
import os
from collections.abc import Iterable


class RushlightError(Exception):
    """Any mistake that Rushlight explains: a short fact, then what was computed about it.

    >>> error = RushlightError("sizes differ", hint="use reshape")
    >>> print(error)
    sizes differ
      hint: use reshape
    """

    def __init__(self, fact: str, *, hint: str | None = None) -> None:
        super().__init__(fact)
        self.fact = fact
        self.hint = hint
        self.op: str | None = None
        self.operands: list[tuple[str, str]] = []  # (label, "float32 (2, 3)")
        self.source: str | None = None  # "train.py:41"
        self.module: str | None = None  # "encoder.0.linear"

    def __str__(self) -> str:
        lines = [f"{self.op}: {self.fact}" if self.op else self.fact]
        width = max((len(label) for label, _ in self.operands), default=0)
        lines += [f"  {label:<{width}}  {text}" for label, text in self.operands]
        place = ", in ".join(part for part in (self.source, self.module) if part)
        if place:
            lines.append(f"  at {place}" if self.source else f"  in {place}")
        if self.hint:
            lines.append(f"  hint: {self.hint}")
        return "\n".join(lines)


class ShapeError(RushlightError, ValueError):
    """Shapes, axes or sizes that do not fit each other."""


class DTypeError(RushlightError, TypeError):
    """A dtype or a Python type that the operation does not take."""


class BoundsError(RushlightError, IndexError):
    """An index outside its axis."""


class DeviceError(RushlightError, ValueError):
    """A device other than the CPU."""


class GradientError(RushlightError, RuntimeError):
    """A backward pass that cannot be done: freed graph, changed value, no gradient wanted."""


class AnomalyError(RushlightError, ArithmeticError):
    """The first NaN or infinity seen under `rl.detect_anomaly()`."""


class TraceError(RushlightError, RuntimeError):
    """Something that a traced function cannot do, such as an `if` on a traced value."""


class ModuleError(RushlightError, ValueError):
    """A layer built, wired or loaded in a way that cannot work."""


class DataError(RushlightError, ValueError):
    """Data that cannot be used: missing, empty, of differing lengths, with a wrong checksum."""


class TrainingError(RushlightError, RuntimeError):
    """Training that cannot go on: a loss that is NaN or infinite."""


class CompileError(RushlightError, RuntimeError):
    """C that cannot be built or loaded here: no compiler, one that fails, nowhere to write."""


class UsageError(RushlightError, ValueError):
    """A wrong argument or command-line input; the command line ends with exit code 2."""


class FormatError(RushlightError, ValueError):
    """A file that is broken, hostile or of another kind.

    Args:
        fact: what is wrong.
        path: the file.
        offset: the byte where it was noticed.
        hint: what would work.

    >>> print(FormatError("header is cut short", path="model.safetensors", offset=8))
    model.safetensors: header is cut short (at byte 8)
    """

    def __init__(
        self,
        fact: str,
        *,
        path: str | os.PathLike[str] | None = None,
        offset: int | None = None,
        hint: str | None = None,
    ) -> None:
        where = f"{os.fspath(path)}: " if path is not None else ""
        at = f" (at byte {offset})" if offset is not None else ""
        super().__init__(f"{where}{fact}{at}", hint=hint)
        self.path = path
        self.offset = offset


class CompileWarning(UserWarning):
    """Something about compiled code that is worth a word, while the results stay right."""


def did_you_mean(name: str, known: Iterable[str]) -> str | None:
    """Return a hint that names the nearest known word, or lists them all when few.

    >>> did_you_mean("digit", ["digits", "spam"])
    'did you mean digits?'
    >>> did_you_mean("zebra", ["digits", "spam"])
    'choose one of digits, spam'
    """
    names = sorted(known)
    close = difflib.get_close_matches(name, names, n=1)
    if close:
        return f"did you mean {close[0]}?"
    if 0 < len(names) <= 20:
        return "choose one of " + ", ".join(names)
    return None


for _kind in (RushlightError, *RushlightError.__subclasses__(), CompileWarning):
    _kind.__module__ = "rushlight"  # where users find them, and what tracebacks print
