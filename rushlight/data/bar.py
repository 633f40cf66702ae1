"""The bar of downloads and of long readings, on a terminal only."""

from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    TextColumn,
    TimeRemainingColumn,
)

COUNT_COLUMNS = (MofNCompleteColumn(),)
BYTE_COLUMNS = (DownloadColumn(),)


def make_bar(*columns: ProgressColumn) -> Progress:
    """Return a bar on standard error, with these columns of facts; silent where it is no terminal.

    >>> make_bar(*COUNT_COLUMNS).disable or make_bar().console.is_terminal
    True
    """
    console = Console(stderr=True)
    return Progress(
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        *columns,
        TimeRemainingColumn(),
        console=console,
        transient=True,
        disable=not console.is_terminal,
    )
