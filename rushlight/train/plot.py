"""Curves as text for the terminal, and as pictures by matplotlib."""

import io
import math
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from rushlight.core.errors import DataError, UsageError
from rushlight.data.pictures import can_show
from rushlight.formats.atomic import atomic_write, check_path

Floats = npt.NDArray[np.float64]
Curve = tuple[Sequence[float], Sequence[float]]  # x, rising, and y

_DOTS = ((0x01, 0x08), (0x02, 0x10), (0x04, 0x20), (0x40, 0x80))  # of a braille character, by row
_BRAILLE = 0x2800
_WIDE_RANGE = 30.0  # the largest y over the smallest, from where the axis is logarithmic
_NARROWEST, _LOWEST = 16, 4  # characters


@dataclass(frozen=True)
class _Signs:
    line: str
    marks: str
    bar: str
    corner: str
    rule: str


_BRAILLE_SIGNS = _Signs("⣀", "∘×+", "│", "└", "─")
_ASCII_SIGNS = _Signs("*", "ox+", "|", "+", "-")


def draw_curves(
    curves: Mapping[str, Curve],
    width: int = 72,
    height: int = 12,
    encoding: str | None = "utf-8",
    x_name: str = "",
    log_x: bool = False,
) -> str:
    """Draw curves over a common x: the first as a line, the others as marks beside it.

    The y axis is logarithmic where the numbers, all positive, differ by a factor of 30 or more.

    Args:
        curves: x and y of each, finite, by name.
        width: of the whole, in characters.
        height: of the curves, in lines.
        encoding: what the stream can take, `sys.stdout.encoding` say; where that has no braille,
            ASCII characters are used.
        x_name: what x is.
        log_x: whether the x axis is logarithmic.

    Raises DataError for a curve of no points, or of numbers that are not finite.

    >>> print(draw_curves({"y": ([0, 1, 2, 3], [0, 1, 4, 9])}, width=30, height=4))
    9 │                       ⣀⠤⠒⠉
      │                   ⣀⠤⠒⠉
      │            ⢀⣀⠤⠤⠒⠊⠉
    0 │⣀⣀⣀⠤⠤⠤⠤⠤⠒⠒⠊⠉⠁
      └───────────────────────────
       0                         3
       ⣀⣀ y
    """
    paths = {name: _path(name, curve, log_x) for name, curve in curves.items()}
    x_low, x_high = _span([x for x, _ in paths.values()])
    y_low, y_high = _span([y for _, y in paths.values()])
    log_y = y_low > 0 and y_high / _WIDE_RANGE >= y_low
    labels = _y_labels(y_low, y_high, max(height, _LOWEST), log_y)
    left = max(map(len, labels))
    columns = max(width, _NARROWEST + left) - left - 2
    unit = {
        name: (_share(x, x_low, x_high, 0.0), _share(y, y_low, y_high, 0.5, log_y))
        for name, (x, y) in paths.items()
    }
    in_braille = can_show("⣿∘└", encoding)
    signs = _BRAILLE_SIGNS if in_braille else _ASCII_SIGNS
    first, *others = unit.values()
    draw = _braille_line if in_braille else _ascii_line
    rows = draw(*first, columns, len(labels))
    for (x, y), mark in zip(others, signs.marks * len(others), strict=False):
        _add_marks(rows, x, y, mark)
    lines = [
        f"{label:>{left}} {signs.bar}{''.join(row)}"
        for label, row in zip(labels, rows, strict=True)
    ]
    lines.append(f"{'':>{left}} {signs.corner}{signs.rule * columns}")
    lines.append(" " * (left + 2) + _x_labels(x_low, x_high, columns, x_name, log_x))
    lines.append(_legend(list(curves), signs, log_y, left + 2))
    return "\n".join(line.rstrip() for line in lines)


def save_figure(
    path: str | Path, panels: Mapping[str, Mapping[str, Curve]], x_name: str, log_x: bool = False
) -> None:
    """Draw panels of curves side by side into a picture file, with matplotlib.

    Args:
        path: the file; its ending says which kind, PNG where there is none.
        panels: the curves of each panel, by the name of its y axis.
        x_name: the name of the x axis.
        log_x: whether the x axis is logarithmic.

    Raises UsageError where matplotlib is not installed, does not know the kind of file, or cannot
    draw such a picture: for want of TeX, say.
    """
    kind = check_figure(path)
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(5.5 * len(panels), 4.0), layout="constrained")
    for axes, (name, curves) in zip(
        figure.subplots(1, len(panels), squeeze=False)[0], panels.items(), strict=True
    ):
        for label, (x, y) in curves.items():
            axes.plot(x, y, label=label, marker="." if len(x) == 1 else "")
        axes.set(xlabel=x_name, ylabel=name, xscale="log" if log_x else "linear")
        if not log_x:  # counts, such as epochs
            axes.xaxis.get_major_locator().set_params(integer=True)
        axes.grid(alpha=0.3)
        if len(curves) > 1:
            axes.legend()
    content = io.BytesIO()
    try:
        with np.errstate(all="ignore"):
            FigureCanvasAgg(figure).print_figure(content, format=kind)
    except (ValueError, RuntimeError, OSError) as error:
        raise UsageError(f"matplotlib cannot draw {os.fspath(path)}: {error}") from None
    atomic_write(path, lambda file: file.writelines([content.getvalue()]))


def check_figure(path: str | Path) -> str:
    """Return the kind of picture that a file would be, or raise as `save_figure` does."""
    check_path(path)
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
    except ImportError:
        hint = "pip install rushlight[plot]"
        raise UsageError("a picture of curves takes matplotlib", hint=hint) from None
    kind = Path(path).suffix[1:].lower() or "png"
    known = FigureCanvasAgg.get_supported_filetypes()
    if kind not in known:
        raise UsageError(f"no picture can be written as .{kind:.20}, but as {', '.join(known)}")
    return kind


# Numbers to shares of the axes


def _path(name: str, curve: Curve, log_x: bool) -> tuple[Floats, Floats]:
    x, y = (np.asarray(numbers, np.float64) for numbers in curve)
    if x.shape != y.shape or x.ndim != 1 or not len(x):
        raise DataError(f"the curve {name:.40} has {x.shape} x and {y.shape} y")
    if not (np.isfinite(x).all() and np.isfinite(y).all()) or (log_x and x.min() <= 0):
        raise DataError(f"the curve {name:.40} has numbers that cannot be drawn")
    return np.log10(x) if log_x else x, y


def _span(values: list[Floats]) -> tuple[float, float]:
    joined = np.concatenate(values)
    return float(joined.min()), float(joined.max())


def _share(values: Floats, low: float, high: float, alone: float, log: bool = False) -> Floats:
    """Return where numbers stand between the ends of the axis, 0 to 1; `alone` on one of no length.

    They are divided by a power of two first, so that no difference is too large for a float.
    """
    if high == low:
        return np.full_like(values, alone)
    if log:
        values, low, high = np.log(values), math.log(low), math.log(high)
    power = -math.frexp(max(abs(low), abs(high)))[1]
    low, high = math.ldexp(low, power), math.ldexp(high, power)
    return (np.ldexp(values, power) - low) / (high - low)


def _y_labels(low: float, high: float, height: int, log: bool) -> list[str]:
    labels, middle = [""] * height, (height - 1) // 2
    if high == low:
        labels[middle] = _number(low)
        return labels
    labels[0], labels[-1] = _number(high), _number(low)
    if height >= 7:
        share = 1 - middle / (height - 1)
        rest = 1 - share
        labels[middle] = _number(low**rest * high**share if log else low * rest + high * share)
    return labels


def _x_labels(low: float, high: float, columns: int, name: str, log: bool) -> str:
    first, last = (_number(10**end if log else end) for end in (low, high))
    room = columns - len(first) - len(last)
    middle = name if room >= len(name) + 2 else ""
    return f"{first}{middle:^{max(room, 1)}}{last}"


def _number(value: float) -> str:
    """Return a number as an axis has it.

    >>> _number(15.0), _number(0.0123456), _number(2.5), _number(1e-7)
    ('15', '0.0123', '2.50', '1e-07')
    """
    if value == int(value) and abs(value) < 1e6:
        return str(int(value))
    text = f"{value:#.3g}" if 1e-4 <= abs(value) < 1e3 else f"{value:.3g}"
    return text.removesuffix(".")


def _legend(names: list[str], signs: _Signs, log: bool, left: int) -> str:
    marks = [signs.line * 2, *(signs.marks * len(names))]
    parts = [f"{mark} {name}" for mark, name in zip(marks, names, strict=False)]
    return " " * left + "   ".join(parts) + ("   (log scale)" if log else "")


# Shares of the axes to characters


def _steps(x: Floats, y: Floats, columns: int, rows: int) -> list[tuple[int, int, int]]:
    """Return, for each column that the line crosses, the rows from and to, counted from below."""
    first, last = round(x[0] * (columns - 1)), round(x[-1] * (columns - 1))
    across = np.arange(first, last + 1)
    heights = np.interp(across / max(columns - 1, 1), x, y) * (rows - 1)
    levels = np.rint(heights).astype(int).tolist()
    steps, before = [], levels[0]
    for column, level in zip(across.tolist(), levels, strict=True):
        nearer = before + (level > before) - (level < before)  # joins the dots, not the corners
        steps.append((column, min(nearer, level), max(nearer, level)))
        before = level
    return steps


def _braille_line(x: Floats, y: Floats, columns: int, rows: int) -> list[list[str]]:
    codes = np.zeros((rows, columns), int)
    for column, low, high in _steps(x, y, 2 * columns, 4 * rows):
        for level in range(low, high + 1):
            down = 4 * rows - 1 - level
            codes[down // 4, column // 2] |= _DOTS[down % 4][column % 2]
    return [[chr(_BRAILLE + code) if code else " " for code in row] for row in codes.tolist()]


def _ascii_line(x: Floats, y: Floats, columns: int, rows: int) -> list[list[str]]:
    cells = [[" "] * columns for _ in range(rows)]
    for column, low, high in _steps(x, y, columns, rows):
        for level in range(low, high + 1):
            cells[rows - 1 - level][column] = _ASCII_SIGNS.line
    return cells


def _add_marks(cells: list[list[str]], x: Floats, y: Floats, mark: str) -> None:
    """Put a mark at each point, or at every third column where the points are more than that."""
    rows, columns = len(cells), len(cells[0])
    if len(x) > columns // 3:
        even = np.linspace(x[0], x[-1], columns // 3)
        x, y = even, np.interp(even, x, y)
    for across, level in zip((x * (columns - 1)).tolist(), (y * (rows - 1)).tolist(), strict=True):
        cells[rows - 1 - round(level)][round(across)] = mark
