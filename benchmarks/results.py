"""The rows of the results: as a table, as JSON, and in the docs."""

import json
import os
import platform
from collections.abc import Mapping, Sequence
from importlib import metadata
from pathlib import Path
from typing import NotRequired, TypedDict

from benchmarks.sides import ROOT, Figures, Measure, Task

DOCS = ROOT / "docs" / "benchmarks.md"
MARKER = "<!-- results -->"
SECONDS = {"s": 1.0, "ms": 1e-3, "µs": 1e-6}
HEADINGS = ("task", "what", "unit", "ours", "rival", "", "ratio", "of peak")
RIGHT = (False, False, False, True, True, False, True, True)


class Row(TypedDict):
    task: str
    metric: str
    unit: str
    ours: float
    rival: float | None
    rival_name: str | None
    ratio: float | None  # rival / ours, or where more is better ours / rival
    threads: int
    busy: float | None  # cores that other work used just before
    peak_fraction: NotRequired[float]  # ours, of the multiply-adds that the machine can do


def rows_of(
    name: str,
    task: Task,
    figures: Mapping[str, Figures],
    busy: float | None,
    peaks: Mapping[int, float],
) -> list[Row]:
    """Return a row for each rival of each measure; one without where no rival was measured.

    Args:
        name: of the task.
        task: what was measured.
        figures: of each side that was.
        busy: how many cores other work used.
        peaks: the machine's additions and multiplications a second, by the number of threads;
            empty where sizes were not those that the measures tell of.
    """
    rows = []
    for measure in task.measures:
        if measure.ours not in figures:
            continue
        ours = figures[measure.ours][measure.figure]
        for rival_name in [one for one in measure.rivals if one in figures] or [None]:
            rival = None if rival_name is None else figures[rival_name][measure.figure]
            row = Row(
                task=name,
                metric=measure.name,
                unit=measure.unit,
                ours=ours,
                rival=rival,
                rival_name=rival_name,
                ratio=None if rival is None else ours / rival if measure.more else rival / ours,
                threads=measure.threads,
                busy=busy,
            )
            if measure.flop and measure.threads in peaks:
                row["peak_fraction"] = fraction(measure, ours, peaks[measure.threads])
            rows.append(row)
    return rows


def fraction(measure: Measure, ours: float, peak: float) -> float:
    """Return which part of the machine's multiply-adds our side made use of."""
    return measure.flop / (ours * SECONDS[measure.unit]) / peak


def as_table(rows: Sequence[Row]) -> str:
    """Return the rows as a table in Markdown that reads well as plain text."""
    cells = [list(HEADINGS), *map(_cells, rows)]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    rule = [
        "-" * (width - 1) + (":" if right else "-")
        for width, right in zip(widths, RIGHT, strict=True)
    ]
    cells.insert(1, rule)
    lines = []
    for line in cells:
        padded = [
            cell.rjust(width) if right else cell.ljust(width)
            for cell, width, right in zip(line, widths, RIGHT, strict=True)
        ]
        lines.append("| " + " | ".join(padded) + " |")
    return "\n".join(lines)


def _cells(row: Row) -> list[str]:
    rival, ratio = row["rival"], row["ratio"]
    return [
        row["task"],
        row["metric"],
        row["unit"],
        f"{row['ours']:.4g}",
        "" if rival is None else f"{rival:.4g}",
        row["rival_name"] or "",
        "" if ratio is None else f"{ratio:.2f}",
        f"{row['peak_fraction']:.0%}" if "peak_fraction" in row else "",
    ]


def busy_line(rows: Sequence[Row]) -> str:
    """Return a sentence on how busy the machine was with other work."""
    found = [row["busy"] for row in rows if row["busy"] is not None]
    if not found:
        return "How busy the machine was is not known."
    cores = os.cpu_count() or 1
    return (
        f"Other work used {min(found):.2f} to {max(found):.2f} of {cores} cores before each task."
    )


def write_json(rows: Sequence[Row], path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(list(rows), indent=1) + "\n", "utf-8")


def write_docs(rows: Sequence[Row]) -> None:
    """Put the table between the two markers of the docs."""
    before, _, after = DOCS.read_text("utf-8").split(MARKER)
    versions = ", ".join(f"{name} {version}" for name, version in versions_of())
    middle = f"\n\n{as_table(rows)}\n\nMeasured with {versions}. {busy_line(rows)}\n\n"
    DOCS.write_text(f"{before}{MARKER}{middle}{MARKER}{after}", "utf-8")


def versions_of() -> list[tuple[str, str]]:
    """Return the names and versions of what was measured."""
    found = [("Python", platform.python_version())]
    for name in ("numpy", "torch", "onnxruntime", "scikit-learn"):
        try:
            found.append((name, metadata.version(name)))
        except metadata.PackageNotFoundError:
            continue
    return found
