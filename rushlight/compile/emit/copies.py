"""Loops that fill part of an array, with a copy or with zeros, in the order in which it lies."""

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass

from rushlight.compile.emit.text import Step, Text, offset


@dataclass(frozen=True)
class Way:
    """An axis: its size, and how far one step along it goes in the target and in the source."""

    size: int
    out: int
    source: int = 0


def write_fill(text: Text, target: str, ways: Sequence[Way], source: str | None = None) -> None:
    """Write loops that give all elements along `ways` those of the source, or zero.

    Args:
        text: what is written to.
        target: the name of a pointer.
        ways: the axes, in any order.
        source: the name of another, or None for zeros.
    """
    lying = merged(ways)
    if any(way.size == 0 for way in lying):
        return
    last = lying[-1] if lying else Way(1, 1, 1)
    whole = last.out == 1 and (source is None or last.source == 1)
    outer = lying[:-1] if whole else lying
    names = [f"k{i}" for i in range(len(outer))]
    to = _plus(target, [(name, way.out) for name, way in zip(names, outer, strict=True)])
    start = [(name, way.source) for name, way in zip(names, outer, strict=True)]
    with ExitStack() as loops:
        for name, way in zip(names, outer, strict=True):
            loops.enter_context(text.loop(name, way.size))
        if not whole:
            value = "0" if source is None else f"{source}[{offset(*start)}]"
            steps = [(name, way.out) for name, way in zip(names, outer, strict=True)]
            text.line(f"{target}[{offset(*steps)}] = {value};")
        elif source is None:
            text.line(f"__builtin_memset({to}, 0, {last.size} * sizeof(*{target}));")
        else:
            size = f"{last.size} * sizeof(*{target})"
            text.line(f"__builtin_memcpy({to}, {_plus(source, start)}, {size});")


def merged(ways: Sequence[Way]) -> list[Way]:
    """Return the axes outermost in the target first, with those that lie as one made one.

    >>> merged([Way(3, 1, 1), Way(2, 3, 3)])
    [Way(size=6, out=1, source=1)]
    """
    found: list[Way] = []
    for way in sorted(ways, key=lambda way: -abs(way.out)):
        if way.size == 1:
            continue
        outer = found[-1] if found else None
        if outer and (outer.out, outer.source) == (way.out * way.size, way.source * way.size):
            found[-1] = Way(outer.size * way.size, way.out, way.source)
        else:
            found.append(way)
    return found


def _plus(name: str, steps: Sequence[Step]) -> str:
    text = offset(*steps)
    return name if text == "0" else f"{name} + {text}"
