"""C lines without what nobody reads: constants that were declared for nothing."""

import re
from collections import Counter
from collections.abc import Sequence

_CONSTANT = re.compile(r"(\s*)(?:const \w+ |(?:const )?\w+ \*const )(\w+) = (.*);")
NAME = re.compile(r"[A-Za-z_]\w*")
_CHECK = "rl_index("  # what such a call finds matters even if nobody reads the index


def without_unused(*groups: Sequence[str]) -> tuple[list[str], ...]:
    """Return groups of lines of one function without the constants that no line reads.

    >>> without_unused(["const int64_t a = 1;", "const int64_t b = a;"], ["y[0] = a;"])
    (['const int64_t a = 1;'], ['y[0] = a;'])
    >>> without_unused(["const int64_t at = rl_index(call, 0, x, 1);", "y[0] = 2;"])
    (['rl_index(call, 0, x, 1);', 'y[0] = 2;'],)
    """
    kept = [list(group) for group in groups]
    while True:
        read = Counter(name for group in kept for line in group for name in _read(line))
        fewer = [[new for line in group for new in _needed(line, read)] for group in kept]
        if fewer == kept:
            return tuple(kept)
        kept = fewer


def _read(line: str) -> list[str]:
    """Return the names that a line reads: all but the one that it declares."""
    constant = _CONSTANT.fullmatch(line)
    return NAME.findall(constant[3] if constant else line)


def _needed(line: str, read: Counter[str]) -> list[str]:
    """Return what must stay of a line."""
    constant = _CONSTANT.fullmatch(line)
    if constant is None or read[constant[2]]:
        return [line]
    indent, _, value = constant.groups()
    return [f"{indent}{value};"] if value.startswith(_CHECK) else []
