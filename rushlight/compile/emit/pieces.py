"""Small pieces of C text: places in memory, loops, lines that are indented."""

from collections.abc import Iterable, Sequence

INDENT = "    "

Moves = list[tuple[str, int | str]]  # indices by name, and the step of each


def indented(lines: Iterable[str]) -> list[str]:
    """Return lines one level further in.

    >>> indented(["x = 1;", ""])
    ['    x = 1;', '']
    """
    return [INDENT + line if line else line for line in lines]


def place(moves: Iterable[tuple[str, int | str]]) -> str:
    """Return the sum of indices times steps.

    >>> place([("row", 784), ("inner", 1), ("column", 0)])
    'row * 784 + inner'
    """
    terms = [name if step == 1 else f"{name} * {step}" for name, step in moves if step]
    return " + ".join(terms) or "0"


def shifted(pointer: str, moves: Iterable[tuple[str, int | str]]) -> str:
    """Return a pointer moved by indices times steps.

    >>> shifted("left", [("row", 784)]), shifted("bias", [("row", 0)])
    ('left + row * 784', 'bias')
    """
    offset = place(moves)
    return pointer if offset == "0" else f"{pointer} + {offset}"


def loop(name: str, end: str | int, body: Sequence[str], unroll: bool = False) -> list[str]:
    """Return a loop over `name` from 0 to before `end`."""
    head = f"for (int64_t {name} = 0; {name} < {end}; {name}++)"
    single = body[-1] != "}" and _one(body)
    lines = ["RL_UNROLL"] * unroll
    if single:
        return [*lines, head, *indented(body)]
    return [*lines, head + " {", *indented(body), "}"]


def _one(body: Sequence[str]) -> bool:
    """Return whether lines are one statement: no other line begins at the margin."""
    rest = [line for line in body if not line.startswith((INDENT, "}", "RL_UNROLL"))]
    return len(rest) == 1
