"""The hand-written C of the runtime, put together so that one C file stands alone."""

import functools
import pkgutil
import re

OF_SOME = ("special.h", "angles.h", "whole.h")  # functions that most programs do not call

_DEFINED = re.compile(r"^#define (rl_\w+)\(", re.MULTILINE)
_NAMED = re.compile(r"\brl_\w+")
_LOCAL_INCLUDE = re.compile(r'[ \t]*#[ \t]*include[ \t]*"([^"]+)".*\n?')


@functools.cache
def runtime(*names: str) -> str:
    """Return files of `rushlight/compile/runtime/` as one text, each file once.

    A file comes where it is first included with `#include "..."`, or where it is named; those
    lines are dropped, and includes of system headers stay. Raises FileNotFoundError for a file
    that is not there.

    >>> "typedef struct rl_call" in runtime("rushlight.h")
    True
    """
    parts: list[str] = []
    seen: set[str] = set()
    for name in names:
        _append(name, parts, seen)
    return "\n".join(parts)


def called(text: str) -> list[str]:
    """Return those of the headers in `OF_SOME` whose functions a text of C names.

    >>> called("y = rl_erf(x) + rl_exp(x);")
    ['special.h']
    """
    names = set(_NAMED.findall(text))
    return [header for header in OF_SOME if not names.isdisjoint(_defined(header))]


@functools.cache
def _defined(header: str) -> frozenset[str]:
    return frozenset(_DEFINED.findall(_read(header)))


def _append(name: str, parts: list[str], seen: set[str]) -> None:
    """Append what `name` includes and then its own text, unless it has been."""
    if name in seen:
        return
    seen.add(name)
    text = _read(name)
    for include in _LOCAL_INCLUDE.findall(text):
        _append(include, parts, seen)
    parts.append(_LOCAL_INCLUDE.sub("", text))


def _read(name: str) -> str:
    try:
        data = pkgutil.get_data("rushlight.compile", f"runtime/{name}")
    except OSError:
        data = None
    if data is None:
        raise FileNotFoundError(f"the runtime has no file {name}")
    return data.decode("utf-8")
