"""One file from one address, in bounded memory and time, with a progress bar on a terminal."""

import http.client
import time
import urllib.error
import urllib.request

from rushlight.core.errors import DataError
from rushlight.data.bar import BYTE_COLUMNS, make_bar

STEP = 1 << 16  # bytes


def download(url: str, limit: int, timeout: float = 20.0, deadline: float = 900.0) -> bytes:
    """Return what an http or https address gives.

    Args:
        url: the address.
        limit: the most bytes that are taken.
        timeout: seconds to wait for a connection, or for more bytes.
        deadline: seconds that all of it may take.

    Raises DataError for no answer, a refusal, a stall, more than `limit` or fewer bytes than
    announced.

    >>> download("ftp://example.org/file", limit=100)
    Traceback (most recent call last):
    rushlight.DataError: only http and https addresses are downloaded
    """
    if not url.startswith(("https://", "http://")):
        raise DataError("only http and https addresses are downloaded")
    ends = time.monotonic() + deadline
    try:
        request = urllib.request.Request(url, headers={"User-Agent": "rushlight"})
        with urllib.request.urlopen(request, timeout=timeout) as response:
            return _receive(response, url, limit, ends)
    except urllib.error.HTTPError as error:
        with error:
            raise DataError(f"HTTP {error.code} {error.reason}") from None
    except urllib.error.URLError as error:
        raise DataError(f"no connection: {error.reason}") from None
    except TimeoutError:
        raise DataError(f"no bytes for {timeout:g} seconds") from None
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise DataError(f"connection broken: {error}") from None


def _receive(response: http.client.HTTPResponse, url: str, limit: int, ends: float) -> bytes:
    announced = response.headers.get("Content-Length", "")
    total = int(announced) if announced.isdecimal() else None
    if total is not None and total > limit:
        raise DataError(f"{total} bytes announced, at most {limit} expected")
    content = bytearray()
    with make_bar(*BYTE_COLUMNS) as progress:
        task = progress.add_task(url.rpartition("/")[2], total=total)
        while chunk := response.read1(STEP):
            content += chunk
            progress.update(task, completed=len(content))
            if len(content) > limit:
                raise DataError(f"more than the {limit} bytes expected")
            if time.monotonic() > ends:
                raise DataError(f"too slow: {len(content)} bytes received")
    if total is not None and len(content) < total:
        raise DataError(f"ended after {len(content)} of {total} bytes")
    return bytes(content)
