import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest


class Handler(BaseHTTPRequestHandler):
    """Answers each path as its page says: a status, headers, and what is sent after them."""

    def do_GET(self):
        self.server.asked.append(self.path)
        page = self.server.pages.get(self.path)
        if page is None:
            self.send_error(404)
            return
        status, headers, body = page
        if self.path in self.server.ranged and "Range" in self.headers:
            status, headers, body = self.rest(headers, body)
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        for part in body if isinstance(body, list) else [body]:
            if isinstance(part, threading.Event):
                part.wait()
            else:
                self.wfile.write(part)

    def rest(self, headers, body):
        """What is sent where only the rest of a page is asked for (RFC 9110, section 14)."""
        self.server.ranges.append((self.headers["Range"], self.headers.get("If-Range")))
        start = int(self.headers["Range"].removeprefix("bytes=").removesuffix("-"))
        if self.headers.get("If-Range", headers.get("ETag")) != headers.get("ETag"):
            return 200, headers, body
        if start >= len(body):
            return 416, {"Content-Length": "0"}, b""
        part = {
            "Content-Length": str(len(body) - start),
            "Content-Range": f"bytes {start}-{len(body) - 1}/{len(body)}",
        }
        return 206, headers | part, body[start:]

    def log_message(self, *args):
        pass


class Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.pages = {}
        self.asked = []
        self.ranged = set()  # pages of which the rest can be asked for
        self.ranges = []  # what was asked for so, with the condition

    def url(self, path):
        return f"http://127.0.0.1:{self.server_address[1]}{path}"

    def add(self, path, body, status=200, **headers):
        """Serve the body, whose length is announced unless the headers say otherwise."""
        named = {name.replace("_", "-"): str(value) for name, value in headers.items()}
        length = {"Content-Length": str(len(body))} if isinstance(body, bytes) else {}
        self.pages[path] = (status, length | named, body)
        return self.url(path)

    def handle_error(self, request, client_address):
        """Stay silent about clients that hang up early, as some tests do."""


@pytest.fixture
def server():
    with Server() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture(autouse=True)
def own_folders(monkeypatch, tmp_path):
    """No test reads or fills the user's own folders, or asks a proxy for 127.0.0.1."""
    monkeypatch.delenv("RUSHLIGHT_DATA_DIR", raising=False)
    monkeypatch.setenv("RUSHLIGHT_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setenv("no_proxy", "127.0.0.1")
