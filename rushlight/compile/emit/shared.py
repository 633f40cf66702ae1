"""Shared functions: kernels whose C differs in nothing but names are one function, called twice.

Layers of one kind, and the updates of their weights, are compiled once however many there are.
"""

from collections.abc import Hashable, Mapping

from rushlight.compile.emit.tidy import NAME
from rushlight.compile.records import Emitted


def likeness(name: str, emitted: Emitted) -> Hashable:
    """Return what is equal for two kernels of which each could be called in place of the other.

    In it a buffer's name is its place among the arguments, and so are the names that begin with it.
    No two names become one by that, so that equal texts are one function under other names.

    Args:
        name: of its C function.
        emitted: the kernel.
    """
    code = emitted.code
    known = {name: "@"}
    for place, (buffer, _) in enumerate(emitted.operands):
        known.setdefault(buffer.name, f"@{place}@")
    words = " ".join(code.text.split())  # long names fold lines elsewhere
    text = NAME.sub(lambda found: _placed(found[0], known), words)
    return text, code.units, code.scratch, emitted.scratch, emitted.checks


def _placed(word: str, known: Mapping[str, str]) -> str:
    """Return a word of the C with the longest name that it begins with, if any, by its place."""
    end = len(word)
    while end > 0:
        place = known.get(word[:end])
        if place is not None:
            return place + word[end:]
        end = word.rfind("_", 0, end)
    return word
