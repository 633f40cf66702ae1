"""The bytes of a file as text."""

import os

from rushlight.core.errors import FormatError, UsageError


def decode(data: bytes, encoding: str, path: str | os.PathLike[str]) -> str:
    r"""Return bytes of a file as text, without a byte order mark.

    Raises FormatError for bytes that are not such text, UsageError for an unknown encoding.

    >>> decode(b"\xef\xbb\xbftext", "utf-8", "file.txt")
    'text'
    """
    if not isinstance(encoding, str):
        raise UsageError(f"encoding is a name, not {encoding!r:.40}")
    try:
        return data.decode(encoding).removeprefix("\ufeff")
    except UnicodeError as error:
        start = error.start if isinstance(error, UnicodeDecodeError) else 0
        line = data.count(b"\n", 0, start) + 1
        raise FormatError(
            f"line {line} is not {encoding} text",
            path=path,
            offset=start,
            hint='encoding="latin-1", or what else it was written in',
        ) from None
    except (LookupError, ValueError):
        raise UsageError(f"there is no encoding {encoding!r:.40}", hint="utf-8, latin-1") from None
