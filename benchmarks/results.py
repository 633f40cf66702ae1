"""The rows of the results: as a table, as JSON, and in the docs."""

import json
import platform
from collections.abc import Sequence
from importlib import metadata
from pathlib import Path
from typing import NotRequired, TypedDict

from benchmarks.sides import PEAK, ROOT, Figures, Task

DOCS = ROOT / "docs" / "benchmarks.md"
MARKER = "<!-- results -->"


class Row(TypedDict):
    task: str
    metric: str
    unit: str
    ours: float
    rival: float
    rival_name: str
    ratio: float  # rival / ours: above 1, ours is better
    threads: int
    peak_fraction: NotRequired[float]  # of the machine's multiply-add peak, where that is the rival


def rows_of(name: str, task: Task, figures: dict[str, Figures]) -> list[Row]:
    """Return a row for each rival of each measure that was measured."""
    rows = []
    for measure in task.measures:
        if measure.ours not in figures:
            continue
        ours = figures[measure.ours][measure.figure]
        for rival_name in measure.rivals:
            if rival_name in figures:
                rival = figures[rival_name][measure.figure]
                row = Row(
                    task=name,
                    metric=measure.name,
                    unit=measure.unit,
                    ours=ours,
                    rival=rival,
                    rival_name=rival_name,
                    ratio=rival / ours,
                    threads=measure.threads,
                )
                if rival_name == PEAK:
                    row["peak_fraction"] = rival / ours
                rows.append(row)
    return rows


def as_table(rows: Sequence[Row]) -> str:
    """Return the rows as a table in Markdown that reads well as plain text."""
    cells = [["task", "what", "unit", "ours", "rival", "", "ratio"]]
    for row in rows:
        values = [f"{row['ours']:.4g}", f"{row['rival']:.4g}", row["rival_name"]]
        cells.append([row["task"], row["metric"], row["unit"], *values, f"{row['ratio']:.2f}"])
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    right = (False, False, False, True, True, False, True)
    cells.insert(
        1,
        ["-" * (width - 1) + (":" if r else "-") for width, r in zip(widths, right, strict=True)],
    )
    lines = []
    for line in cells:
        padded = [
            cell.rjust(width) if r else cell.ljust(width)
            for cell, width, r in zip(line, widths, right, strict=True)
        ]
        lines.append("| " + " | ".join(padded) + " |")
    return "\n".join(lines)


def write_json(rows: Sequence[Row], path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(list(rows), indent=1) + "\n", "utf-8")


def write_docs(rows: Sequence[Row]) -> None:
    """Put the table between the two markers of the docs."""
    before, _, after = DOCS.read_text("utf-8").split(MARKER)
    versions = ", ".join(f"{name} {version}" for name, version in versions_of())
    middle = f"\n\n{as_table(rows)}\n\nMeasured with {versions}.\n\n"
    DOCS.write_text(f"{before}{MARKER}{middle}{MARKER}{after}", "utf-8")


def versions_of() -> list[tuple[str, str]]:
    """Return the names and versions of what was measured."""
    found = [("Python", platform.python_version())]
    for name in ("numpy", "torch"):
        try:
            found.append((name, metadata.version(name)))
        except metadata.PackageNotFoundError:
            continue
    return found
