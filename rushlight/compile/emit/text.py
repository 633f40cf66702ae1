"""C text as it is written: lines, blocks, loops, and sums of indices times strides."""

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from rushlight.compile.records import Strided
from rushlight.core.shapes import size_of

_NAME = re.compile(r"\w+")

Step = tuple[str, int]  # a C variable, and how far one step of it goes


class Text:
    """Lines of C, indented by the blocks that they are in."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self._depth = 0

    def line(self, text: str) -> None:
        """Write one line."""
        self.lines.append("    " * self._depth + text if text else "")

    @contextmanager
    def block(self, head: str) -> Iterator[None]:
        """Write what is inside as a block behind `head`."""
        self.line(f"{head} {{".strip())
        self._depth += 1
        yield
        self._depth -= 1
        self.line("}")

    @contextmanager
    def loop(self, name: str, end: int | str, begin: int | str = 0) -> Iterator[None]:
        """Write what is inside as a loop of the C variable `name`."""
        with self.block(f"for (int64_t {name} = {begin}; {name} < {end}; {name}++)"):
            yield

    @contextmanager
    def function(self, name: str, parameters: Sequence[str]) -> Iterator[None]:
        """Write what is inside as a function that does the units from `first` to before `last`."""
        common = ["char *scratch", "int64_t first", "int64_t last", "rl_call *call"]
        self.line(f"static void {name}(")
        self.line("    " + ", ".join(parameters) + ",")
        self.line("    " + ", ".join(common) + ")")
        self.line("{")
        begin = len(self.lines)
        self._depth += 1
        yield
        self._depth -= 1
        words = set(_NAME.findall("\n".join(self.lines[begin:])))
        names = [_NAME.findall(parameter)[-1] for parameter in (*parameters, *common)]
        unused = [f"    (void){name};" for name in names if name not in words]
        self.lines[begin:begin] = unused
        self.line("}")

    def indices(self, number: str, axes: Sequence[tuple[str, int]]) -> None:
        """Write the indices along axes, each a name and a size, that `number` counts through."""
        below = size_of(tuple(size for _, size in axes))
        for position, (name, size) in enumerate(axes):
            below //= size
            text = number if below == 1 else f"{number} / {below}"
            if position:
                text = f"{text} % {size}"
            self.line(f"const int64_t {name} = {text};")

    def __str__(self) -> str:
        return "\n".join(self.lines) + "\n"


def offset(*steps: Step, start: int = 0) -> str:
    """Return the C of a sum of variables times strides.

    >>> offset(("n", 12), ("c", 1), ("w", 0), start=-3)
    'n * 12 + c - 3'
    """
    parts = [name if stride == 1 else f"{name} * {stride}" for name, stride in steps if stride]
    if start or not parts:
        parts.append(str(start))
    return " + ".join(parts).replace("+ -", "- ")


def pointer(x: Strided, name: str, written: bool = False, restrict: bool = True) -> str:
    """Return the declaration of the parameter that points at a view's first element."""
    kind = x.dtype.c if written else f"const {x.dtype.c}"
    return f"{kind} *{'restrict ' if restrict else ''}{name}"
