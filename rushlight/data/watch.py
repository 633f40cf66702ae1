"""A progress bar for what takes long to read; what is quick goes by without one."""

import time
from collections.abc import Iterable, Iterator
from typing import TypeVar

from rushlight.core.lazy import load

Item = TypeVar("Item")

PATIENCE_S = 1.0  # without a bar


def watched(items: Iterable[Item], total: int, title: str) -> Iterator[Item]:
    """Yield the items; from the second second on, a terminal shows how many of them are done.

    >>> list(watched("abc", total=3, title="letters"))
    ['a', 'b', 'c']
    """
    iterator = iter(items)
    shown_from = time.perf_counter() + PATIENCE_S
    done = 0
    for item in iterator:
        yield item
        done += 1
        if time.perf_counter() > shown_from:
            break
    else:
        return
    bar = load("rushlight.data.bar")  # which brings `rich`, and that takes a while to import
    with bar.make_bar(*bar.COUNT_COLUMNS) as shown:
        task = shown.add_task(title, total=total, completed=done)
        for item in iterator:
            yield item
            shown.advance(task)
