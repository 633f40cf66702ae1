"""Signals: numbers over time, a column a channel, from CSV files to arrays and to a terminal."""

import os
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from rushlight.core.errors import DataError
from rushlight.data.pictures import can_show
from rushlight.data.tables import read_table

_LEVELS = "▁▂▃▄▅▆▇█"
_ASCII_LEVELS = "_.-~=*^#"


def read_signal(
    path: str | os.PathLike[str], channels: Sequence[str], length: int
) -> NDArray[np.float32]:
    """Return the signal in a CSV file, float32 (channels, length).

    The file has a line for each moment, from the first to the last, and a column for each channel:
    in any order where their names stand above, else in the order of the channels.

    Raises FormatError for a file that is no table, DataError for one with other columns or lines,
    or with cells that are no finite numbers.
    """
    table = read_table(path)
    if len(table.columns) != len(channels):
        fact = f"{table.source}: {len(table.columns)} columns, the network takes {len(channels)}"
        raise DataError(fact, hint=f"a column for each of {', '.join(channels)}")
    named = set(table.columns) == set(channels)
    columns = [table.columns[name] for name in (channels if named else table.columns)]
    if len(columns[0]) != length:
        fact = f"{table.source}: {len(columns[0])} lines of numbers, the network takes {length}"
        raise DataError(fact, hint="a line for each moment")
    signal = np.empty((len(channels), length), np.float32)
    for channel, column, row in zip(channels, columns, signal, strict=True):
        with np.errstate(over="ignore"):
            row[:] = np.nan if isinstance(column, list) else column
        if not np.isfinite(row).all():
            raise DataError(f"{table.source}: the column of {channel} is not made of numbers")
    return signal


def render_signal(
    signal: NDArray[np.floating], width: int = 64, encoding: str | None = "utf-8"
) -> str:
    """Draw a signal as a line of levels a channel, from the lowest of all numbers to the highest.

    Where there are more moments than characters, each character shows the mean of some.

    Args:
        signal: finite numbers (channels, length).
        width: characters of a line, at most.
        encoding: what the stream can take; levels are drawn in ASCII where it has no blocks.

    >>> print(render_signal(np.array([[0.0, 1.0, 2.0, 3.0], [3.0, 3.0, 1.5, 0.0]])))
    ▁▃▆█
    ██▅▁
    """
    levels = _LEVELS if can_show(_LEVELS, encoding) else _ASCII_LEVELS
    length = signal.shape[1]
    starts = np.arange(min(width, length)) * length // min(width, length)
    means = np.add.reduceat(signal, starts, axis=1) / np.diff([*starts, length])
    low, high = means.min(), means.max()
    heights = (means - low) / max(high - low, 1e-12) * (len(levels) - 1)
    return "\n".join("".join(levels[round(h)] for h in row) for row in heights.tolist())
