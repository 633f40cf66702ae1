"""Connections of HTTP that all end at a moment which is set beforehand."""

import contextlib
import functools
import http.client
import socket
import threading
import time
import urllib.request
from collections.abc import Callable
from types import TracebackType
from typing import Any, Self

Note = Callable[[socket.socket], None]


class Deadline:
    """Cuts the connections of its opener when time is over, whatever a server does meanwhile.

    A timeout is for a single wait, and one who sends a header or a chunk of nothing now and then
    never lets it come to that.

    Args:
        seconds: from the beginning of the block on.

    >>> with Deadline(60.0) as deadline:
    ...     deadline.is_over()
    False
    """

    def __init__(self, seconds: float) -> None:
        self._ends = time.monotonic() + seconds
        self._sockets: list[socket.socket] = []
        self._timer = threading.Timer(seconds, self._cut)
        self._timer.daemon = True
        self.opener = urllib.request.OpenerDirector()
        for handler in (
            urllib.request.ProxyHandler(),
            urllib.request.UnknownHandler(),
            urllib.request.HTTPDefaultErrorHandler(),
            urllib.request.HTTPRedirectHandler(),
            urllib.request.HTTPErrorProcessor(),
            _Http(self._note),
            _Https(self._note),
        ):
            self.opener.add_handler(handler)

    def __enter__(self) -> Self:
        self._timer.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._timer.cancel()

    def is_over(self) -> bool:
        """Return whether the moment has come."""
        return time.monotonic() >= self._ends

    def _note(self, connected: socket.socket) -> None:
        self._sockets.append(connected)
        if self.is_over():
            raise TimeoutError

    def _cut(self) -> None:
        for one in list(self._sockets):
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)


class _Connection(http.client.HTTPConnection):
    def __init__(self, *arguments: Any, note: Note, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._noted = note

    def connect(self) -> None:
        super().connect()
        self._noted(self.sock)


class _SecureConnection(_Connection, http.client.HTTPSConnection):
    """The same over TLS: the classes connect one after another."""


class _Http(urllib.request.HTTPHandler):
    def __init__(self, note: Note) -> None:
        super().__init__()
        self._connect = functools.partial(_Connection, note=note)

    def http_open(self, req: urllib.request.Request) -> http.client.HTTPResponse:
        return self.do_open(self._connect, req)


class _Https(urllib.request.HTTPSHandler):
    def __init__(self, note: Note) -> None:
        super().__init__()
        self._connect = functools.partial(_SecureConnection, note=note)

    def https_open(self, req: urllib.request.Request) -> http.client.HTTPResponse:
        return self.do_open(self._connect, req)
