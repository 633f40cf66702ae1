"""Settings from the environment: no other module reads environment variables."""

import os
from pathlib import Path

import platformdirs

from rushlight.core.errors import UsageError

DATA_DIR = "RUSHLIGHT_DATA_DIR"
CACHE_DIR = "RUSHLIGHT_CACHE_DIR"


def data_dir() -> Path | None:
    """Return the folder of data sets that the user named in RUSHLIGHT_DATA_DIR, or None.

    Raises UsageError where the variable is set and no such folder exists.

    >>> data_dir() is None or data_dir().is_dir()
    True
    """
    folder = _folder(DATA_DIR)
    if folder is not None and not folder.is_dir():
        raise UsageError(f"{DATA_DIR} names {folder}, which is not a folder")
    return folder


def cache_dir() -> Path:
    """Return the folder for what can be made or downloaded again, whether or not it exists.

    This is RUSHLIGHT_CACHE_DIR where that is set, else the platform's own place, such as
    ~/.cache/rushlight.

    >>> cache_dir().is_absolute()
    True
    """
    return _folder(CACHE_DIR) or platformdirs.user_cache_path("rushlight", appauthor=False)


def _folder(variable: str) -> Path | None:
    value = os.environ.get(variable, "")
    if not value:
        return None
    try:
        return Path(value).expanduser().absolute()
    except RuntimeError:
        raise UsageError(f"{variable} names {value}, whose home folder is unknown") from None
