"""Tables: columns from CSV files and data frames, and the arrays that a network takes of them."""

import csv
import io
import os
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rushlight.core.errors import DataError, FormatError, UsageError, did_you_mean
from rushlight.data.decode import decode
from rushlight.data.watch import watched
from rushlight.formats.png import read_file

StrPath = str | os.PathLike[str]
Column = NDArray[Any] | list[str]

MAX_BYTES = 1 << 30
MISSING = ("", "na", "n/a", "nan", "null", "none")  # cells without a number, in lower case
POLICIES = ("refuse", "drop", "nan")

_DELIMITERS = ",;\t|"
_INT = re.compile(r"[+-]?[0-9]+")
_FLOAT = re.compile(
    r"[+-]?(?:(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:e[+-]?[0-9]{1,5})?|inf(?:inity)?)", re.IGNORECASE
)


@dataclass(frozen=True)
class Table:
    """Columns by name, and what a row is called in messages.

    Attributes:
        columns: arrays of numbers, or lists of texts, of one length.
        source: the file, or "the frame".
        lines: in which line of the file each row is; None where there is no file.
    """

    columns: dict[str, Column]
    source: str
    lines: Sequence[int] | None = None

    def column(self, name: str) -> Column:
        """Return a column. Raises UsageError for a name that no column has."""
        if name not in self.columns:
            hint = did_you_mean(name, self.columns) if isinstance(name, str) else None
            raise UsageError(f"{self.source}: there is no column {name!r:.60}", hint=hint)
        return self.columns[name]

    def place(self, row: int) -> str:
        """Return where a row is, for a message."""
        return f"row {row}" if self.lines is None else f"line {self.lines[row]}"

    def without_missing(self, names: Sequence[str], policy: str) -> "Table":
        """Return the table with numbers that are missing in these columns treated as asked.

        Raises UsageError for an unknown policy, DataError for a missing number to be refused, or
        where no row is left.
        """
        if policy not in POLICIES:
            raise UsageError(f"missing is one of {', '.join(POLICIES)}, not {policy!r:.40}")
        gone = {name: np.flatnonzero(_is_missing(self.column(name))) for name in names}
        gone = {name: rows for name, rows in gone.items() if len(rows)}
        if policy == "nan" or not gone:
            return self
        if policy == "refuse":
            name, rows = next(iter(gone.items()))
            raise DataError(
                f"{self.source}: {self.place(int(rows[0]))} has no number in column {name!r:.60}, "
                f"as {len(rows)} of {len(self.column(name))} rows",
                hint='missing="drop" leaves such rows out, missing="nan" keeps them as NaN',
            )
        kept = np.ones(len(self.column(names[0])), np.bool_)
        kept[np.concatenate(list(gone.values()))] = False
        rows = np.flatnonzero(kept)
        if not len(rows):
            raise DataError(f"{self.source}: each row has a number missing")
        columns = {name: _rows_of(column, rows) for name, column in self.columns.items()}
        lines = None if self.lines is None else [self.lines[row] for row in rows.tolist()]
        return Table(columns, self.source, lines)


def read_csv(
    path: StrPath,
    *,
    names: Sequence[str] | None = None,
    header: bool | None = None,
    delimiter: str | None = None,
    quotes: str | None = '"',
    encoding: str = "utf-8",
    missing: str = "nan",
) -> dict[str, Column]:
    r"""Return the columns of a CSV or TSV file by name.

    A column of whole numbers is int64, one of numbers float64; anything else is a list of texts,
    as they are. An empty cell among numbers, or NA, NaN, null or None, is a number that is missing;
    texts are never missing.

    Args:
        path: the file, at most 1 GB.
        names: of the columns; None takes them from the file, or makes them: column_0, ...
        header: whether the first line has names. None takes it for one, unless there are `names`,
            or one of its cells is a number or empty, or two are alike.
        delimiter: between cells; None takes that of , ; | and tab which is most frequent in the
            first line.
        quotes: around cells that have a delimiter in them; None where a quote is a sign as others.
        encoding: of the text, "latin-1" say; a byte order mark is no part of it.
        missing: "nan" keeps a missing number as NaN, "drop" leaves its row out, "refuse" raises.

    Raises FormatError for a file that is missing, broken, of another encoding, or whose rows
    differ in length; DataError for a missing number that is refused; UsageError for wrong options.

    >>> import tempfile
    >>> with tempfile.NamedTemporaryFile("w", suffix=".csv") as file:
    ...     _ = file.write("name,age,height\nAda,36,1.65\nAlan,41,1.78\n")
    ...     file.flush()
    ...     columns = read_csv(file.name)
    >>> columns["name"], columns["age"], columns["height"]
    (['Ada', 'Alan'], array([36, 41]), array([1.65, 1.78]))
    """
    table = read_table(
        path, names=names, header=header, delimiter=delimiter, quotes=quotes, encoding=encoding
    )
    return table.without_missing(list(table.columns), missing).columns


def read_table(
    path: StrPath,
    *,
    names: Sequence[str] | None = None,
    header: bool | None = None,
    delimiter: str | None = None,
    quotes: str | None = '"',
    encoding: str = "utf-8",
) -> Table:
    """Return the table in a CSV or TSV file, of which `read_csv` gives the columns."""
    _check_sign("quotes", quotes)
    _check_sign("delimiter", delimiter)
    if delimiter is not None and delimiter == quotes:
        raise UsageError(f"{quotes!r} cannot be both delimiter and quotes")
    text = decode(read_file(path, MAX_BYTES), encoding, path)
    first = text.split("\n", 1)[0]
    if delimiter is None:
        delimiter = max(_DELIMITERS, key=_without_quoted(first, quotes).count)
    rows, lines = _read_rows(text, delimiter, quotes, path)
    if names is None:
        has_names = _looks_like_names(rows[0]) if header is None else header
        called = rows[0] if has_names else [f"column_{i}" for i in range(len(rows[0]))]
    else:
        has_names, called = bool(header), _check_names(names, len(rows[0]), path)
    if len(set(called)) != len(called):
        ((twice, _),) = Counter(called).most_common(1)
        raise FormatError(f"two columns are called {twice!r:.60}", path=path, hint="names=[...]")
    if has_names:
        rows, lines = rows[1:], lines[1:]
    if not rows:
        raise FormatError("there are names of columns, but no rows", path=path)
    columns = zip(called, zip(*rows, strict=True), strict=True)
    return Table({name: _column(cells) for name, cells in columns}, os.fspath(path), lines)


def frame_table(frame: Any) -> Table:
    """Return the table in a Polars frame, a dict of arrays, or what else has columns like them.

    Raises UsageError for what has none, DataError for a column that is neither of numbers nor of
    texts.

    >>> frame_table({"age": [36, 41]}).columns
    {'age': array([36, 41])}
    """
    if hasattr(frame, "collect") and hasattr(frame, "collect_schema"):
        raise UsageError("a lazy frame has no rows yet", hint="frame.collect()")
    names = list(frame) if isinstance(frame, Mapping) else getattr(frame, "columns", None)
    if names is None or not hasattr(frame, "__getitem__"):
        raise UsageError(f"a frame has columns, a {type(frame).__name__} has none")
    columns = {str(name): _frame_column(frame[name], str(name)) for name in names}
    lengths = {name: len(column) for name, column in columns.items()}
    if len(set(lengths.values())) > 1:
        raise DataError(f"the columns differ in length: {lengths!s:.200}")
    if not columns or not next(iter(lengths.values())):
        raise DataError("the frame is empty")
    return Table(columns, "the frame")


def arrays_of(
    table: Table,
    inputs: str | Sequence[str] | None,
    label: str | Sequence[str] | None,
    labels: Sequence[str] | None = None,
    missing: str = "refuse",
) -> tuple[list[NDArray[Any]], tuple[str, ...]]:
    """Return the inputs, float32 (n, columns), and the labels if wanted; and the labels' names.

    The arguments are those of `Dataset.from_csv`.
    """
    targets = [] if label is None else _texts("names of label", label)
    others = [name for name in table.columns if name not in targets]
    wanted = others if inputs is None else _texts("inputs", inputs)
    if not wanted:
        raise UsageError(f"{table.source}: no columns are left for inputs")
    table = table.without_missing([*wanted, *targets], missing)
    arrays = [_matrix(table, wanted)]
    if label is None:
        if labels is not None:
            fact = "labels are the names of classes, but no column is the label"
            raise UsageError(f"{table.source}: {fact}", hint="label= names that column")
        return arrays, ()
    if not isinstance(label, str):
        return [*arrays, _matrix(table, targets)], ()
    column = table.column(label)
    if isinstance(column, np.ndarray) and labels is None:
        integer = column.dtype.kind in "iub"
        return [*arrays, column.astype(np.int64) if integer else _matrix(table, [label])], ()
    numbers, names = _classes(table, label, labels)
    return [*arrays, numbers], names


def _classes(
    table: Table, label: str, labels: Sequence[str] | None
) -> tuple[NDArray[np.int64], tuple[str, ...]]:
    """Return the numbers of the classes in a column, and their names."""
    texts = [str(value) for value in table.column(label)]
    names = sorted(set(texts)) if labels is None else _texts("labels", labels)
    ids = {name: number for number, name in enumerate(names)}
    for row, text in enumerate(texts):
        if text not in ids:
            fact = f"{table.source}: {table.place(row)} has a label {text!r:.60} that is not known"
            raise DataError(fact, hint=did_you_mean(text, names))
    return np.array([ids[text] for text in texts], np.int64), tuple(names)


def _matrix(table: Table, names: Sequence[str]) -> NDArray[np.float32]:
    columns = [table.column(name) for name in names]
    for name, column in zip(names, columns, strict=True):
        if isinstance(column, list):
            odd = next((row for row, cell in enumerate(column) if not _is_number(cell)), 0)
            fact = f"column {name!r:.60} is text: {column[odd]!r:.40} in {table.place(odd)}"
            raise DataError(
                f"{table.source}: {fact}", hint="read_csv gives texts; a Vocabulary makes them ids"
            )
    matrix = np.stack(columns, axis=1)
    with np.errstate(over="ignore"):
        narrow = matrix.astype(np.float32)
    lost = np.argwhere(np.isinf(narrow) & np.isfinite(matrix))
    if len(lost):
        row, column = lost[0].tolist()
        fact = f"column {names[column]!r:.60} has {matrix[row, column]:g} in {table.place(row)}"
        raise DataError(f"{table.source}: {fact}, which float32 cannot hold")
    return narrow


# Columns


def _column(cells: Sequence[str]) -> Column:
    """Return the numbers in cells, or the cells as they are where not all are numbers."""
    numbers = _numbers(cells)
    if numbers is not None:
        return numbers
    stripped = [cell.strip() for cell in cells]
    there = np.array([cell.lower() not in MISSING for cell in stripped])
    numbers = _numbers([stripped[row] for row in np.flatnonzero(there).tolist()])
    if numbers is None or there.all():
        return list(cells) if numbers is None else numbers
    column = np.full(len(cells), np.nan)
    column[there] = numbers
    return column


def _numbers(cells: Sequence[str]) -> NDArray[Any] | None:
    """Return what the cells say, int64 or float64, or None where one of them is no number."""
    if cells and all(map(_INT.fullmatch, cells)):
        try:
            return np.array(list(map(int, cells)), np.int64)
        except (OverflowError, ValueError):  # as a float it would be another number
            return None
    if cells and all(map(_FLOAT.fullmatch, cells)):
        return np.array(list(map(float, cells)))
    return None


def _frame_column(series: Any, name: str) -> Column:
    values = series.to_numpy() if hasattr(series, "to_numpy") else series
    try:
        array = np.asarray(values)
    except ValueError:
        raise DataError(f"column {name!r:.60} has lists of differing lengths") from None
    if array.ndim != 1:
        raise DataError(f"column {name!r:.60} has shape {array.shape}, not one value a row")
    if array.dtype.kind in "iubf":
        return array
    texts = array.tolist()
    for row, text in enumerate(texts):
        if not isinstance(text, str):
            fact = f"column {name!r:.60} is neither of numbers nor of texts: {text!r:.40}"
            raise DataError(f"{fact} in row {row}", hint="drop or fill what is missing first")
    return texts  # type: ignore[no-any-return]


def _is_number(cell: str) -> bool:
    cell = cell.strip()
    return cell.lower() in MISSING or _FLOAT.fullmatch(cell) is not None


def _is_missing(column: Column) -> NDArray[np.bool_]:
    if isinstance(column, list) or column.dtype.kind != "f":
        return np.zeros(len(column), np.bool_)
    return np.isnan(column)


def _rows_of(column: Column, rows: NDArray[np.intp]) -> Column:
    return [column[row] for row in rows.tolist()] if isinstance(column, list) else column[rows]


# The file


def _read_rows(
    text: str, delimiter: str, quotes: str | None, path: StrPath
) -> tuple[list[list[str]], list[int]]:
    """Return the rows that are not empty, all of one length, and the line in which each begins."""
    reader = csv.reader(
        io.StringIO(text, newline=""),
        delimiter=delimiter,
        quotechar=quotes,
        quoting=csv.QUOTE_MINIMAL if quotes else csv.QUOTE_NONE,
        strict=True,
    )
    rows: list[list[str]] = []
    lines: list[int] = []
    title = os.path.basename(path)
    for line, row in watched(_numbered(reader, path), text.count("\n"), title):
        if not row:
            continue
        if rows and len(row) != len(rows[0]):
            fact = f"line {line} has {len(row)} cells, the first has {len(rows[0])}"
            raise FormatError(fact, path=path, hint="delimiter= and quotes= say how cells end")
        rows.append(row)
        lines.append(line)
    if not rows:
        raise FormatError("the file is empty", path=path)
    return rows, lines


def _numbered(reader: Any, path: StrPath) -> Iterator[tuple[int, list[str]]]:
    """Yield each row with the line in which it begins."""
    while True:
        line = reader.line_num + 1
        try:
            row = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            mark = "quotes=None takes quotes as any other sign"
            hint = None if "limit" in str(error) else mark
            raise FormatError(
                f"line {line} cannot be read: {error}", path=path, hint=hint
            ) from None
        yield line, row


def _looks_like_names(row: list[str]) -> bool:
    return len(set(row)) == len(row) and not any(map(_is_number, row))


def _without_quoted(line: str, quotes: str | None) -> str:
    return line if quotes is None else "".join(line.split(quotes)[::2])


def _check_sign(name: str, value: Any) -> None:
    if value is not None and not (isinstance(value, str) and len(value) == 1):
        raise UsageError(f"{name} is one sign, not {value!r:.40}")
    if value is not None and value in "\r\n":
        raise UsageError(f"{name} ends no line, as {value!r} does")


def _check_names(names: Any, count: int, path: StrPath) -> list[str]:
    called = _texts("names", names)
    if len(called) != count:
        raise UsageError(f"{os.fspath(path)}: {len(called)} names for {count} columns")
    return called


def _texts(what: str, given: Any) -> list[str]:
    """Return the texts in a list, or the one that stands alone."""
    texts = [given] if isinstance(given, str) or not isinstance(given, Iterable) else list(given)
    if not texts or not all(isinstance(text, str) for text in texts):
        raise UsageError(f"{what} are texts, not {given!r:.60}")
    return texts
