"""One file from one address, in bounded memory and time, with a progress bar on a terminal."""

import http.client
import re
import urllib.error
import urllib.request
from http import HTTPStatus

from rushlight.core.errors import DataError
from rushlight.data.bar import BYTE_COLUMNS, make_bar
from rushlight.data.deadline import Deadline
from rushlight.data.part import Part

STEP = 1 << 16  # bytes
CONTENT_RANGE = re.compile(r"bytes ([0-9]{1,18})-[0-9]{1,18}/([0-9]{1,18})")


def download(
    url: str,
    limit: int,
    timeout: float = 20.0,
    deadline: float = 900.0,
    part: Part | None = None,
) -> bytes:
    """Return what an http or https address gives.

    Args:
        url: the address.
        limit: the most bytes that are taken.
        timeout: seconds to wait for a connection, or for more bytes.
        deadline: seconds that all of it may take.
        part: where to keep what has come, should the connection break; the next try asks for the
            rest (RFC 9110, range requests), and begins anew if the server has none, or another.

    Raises DataError for no answer, a refusal, a stall, more than `limit` or fewer bytes than
    announced.

    >>> download("ftp://example.org/file", limit=100)
    Traceback (most recent call last):
    rushlight.DataError: only http and https addresses are downloaded
    """
    if not url.startswith(("https://", "http://")):
        raise DataError("only http and https addresses are downloaded")
    part = part or Part(None, url)
    with Deadline(deadline) as until:
        try:
            try:
                return _ask(url, limit, timeout, until, part)
            except _StalePart:
                part.discard()
                return _ask(url, limit, timeout, until, part)
        except DataError:
            if not until.is_over():
                raise
            raise DataError(f"too slow: not all came in {deadline:g} seconds") from None


class _StalePart(DataError):
    """A part that the server has no rest of."""


def _ask(url: str, limit: int, timeout: float, until: Deadline, part: Part) -> bytes:
    """Return all bytes, those of the part and those that are still to come."""
    there = part.load(limit)
    headers = {"User-Agent": "rushlight"}
    if there:
        headers["Range"] = f"bytes={len(there)}-"
        headers |= {"If-Range": part.tag} if part.tag else {}
    try:
        request = urllib.request.Request(url, headers=headers)
        with until.opener.open(request, timeout=timeout) as response:
            return _receive(response, url, limit, until, there, part)
    except urllib.error.HTTPError as error:
        with error:
            if there and error.code == HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE:
                raise _StalePart("the server has no rest of it") from None
            raise DataError(f"HTTP {error.code} {error.reason}") from None
    except urllib.error.URLError as error:
        raise DataError(f"no connection: {error.reason}") from None
    except TimeoutError:
        raise DataError(f"no bytes for {timeout:g} seconds") from None
    except (OSError, http.client.HTTPException, ValueError) as error:
        if isinstance(error, DataError):
            raise
        raise DataError(f"connection broken: {error}") from None
    finally:
        part.close()


def _receive(
    response: http.client.HTTPResponse,
    url: str,
    limit: int,
    until: Deadline,
    there: bytes,
    part: Part,
) -> bytes:
    content, total = _begin(response, there, part)
    if total is not None and total > limit:
        part.discard()
        raise DataError(f"{total} bytes announced, at most {limit} expected")
    part.begin(bytes(content), _tag(response), total)
    with make_bar(*BYTE_COLUMNS) as progress:
        task = progress.add_task(url.rpartition("/")[2], total=total, completed=len(content))
        while chunk := response.read1(STEP):
            content += chunk
            part.add(chunk)
            progress.update(task, completed=len(content))
            if len(content) > limit:
                part.discard()
                raise DataError(f"more than the {limit} bytes expected")
            if until.is_over():
                break
    if until.is_over():
        raise DataError(f"too slow: {len(content)} bytes received")
    if total is not None and len(content) < total:
        raise DataError(f"ended after {len(content)} of {total} bytes")
    return bytes(content)


def _begin(
    response: http.client.HTTPResponse, there: bytes, part: Part
) -> tuple[bytearray, int | None]:
    """Return what has come before this answer, and the size of the whole."""
    announced = response.headers.get("Content-Length", "")
    if response.status != HTTPStatus.PARTIAL_CONTENT:
        return bytearray(), int(announced) if announced.isdecimal() else None
    found = CONTENT_RANGE.fullmatch(response.headers.get("Content-Range", ""))
    first, total = (int(found[1]), int(found[2])) if found else (-1, None)
    if not there or first != len(there) or part.total not in (None, total):
        raise _StalePart("the server gives the rest of something else")
    return bytearray(there), total


def _tag(response: http.client.HTTPResponse) -> str:
    """Return what tells the content of an answer from any other, or nothing."""
    tag: str = response.headers.get("ETag", "")
    return tag if tag.startswith('"') else response.headers.get("Last-Modified", "")
