import contextlib
import socket
import threading

import pytest

from rushlight.core.errors import DataError
from rushlight.data.download import download


@pytest.mark.parametrize("size", [0, 1, 65536, 300_000])
def test_the_bytes_arrive_as_they_were_sent(server, size):
    content = (bytes(range(256)) * (size // 256 + 1))[:size]
    assert download(server.add("/file", content), limit=300_000) == content


def test_a_body_without_an_announced_length_arrives_whole(server):
    url = server.add("/file", [b"first ", b"second"])
    assert download(url, limit=100) == b"first second"


def test_a_body_in_chunks_arrives_whole(server):
    url = server.add("/file", [b"5\r\nfirst\r\n", b"0\r\n\r\n"], Transfer_Encoding="chunked")
    assert download(url, limit=100) == b"first"


def test_a_body_in_chunks_that_ends_early_is_refused(server):
    url = server.add("/file", [b"5\r\nfirst\r\n", b"9\r\nhalf"], Transfer_Encoding="chunked")
    with pytest.raises(DataError, match="connection broken: IncompleteRead"):
        download(url, limit=100)


def test_a_redirection_is_followed(server):
    there = server.add("/there", b"content")
    assert download(server.add("/here", b"", 302, Location=there), limit=100) == b"content"


def test_nothing_is_written_to_a_stream_that_is_no_terminal(server, capfd):
    download(server.add("/file", b"content"), limit=100)
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("url", ["file:///etc/hostname", "ftp://127.0.0.1/x", "x", ""])
def test_other_schemes_are_refused(url):
    with pytest.raises(DataError, match="only http and https addresses"):
        download(url, limit=100)


@pytest.mark.parametrize("url", ["http://", "http://127.0.0.1:port/", "http://[/", "http://a b/"])
def test_a_malformed_address_is_an_error_of_ours(url):
    with pytest.raises(DataError):
        download(url, limit=100)


def test_a_missing_page_says_404(server):
    with pytest.raises(DataError, match="HTTP 404 Not Found"):
        download(server.url("/nothing"), limit=100)


def test_a_failing_server_says_its_status(server):
    with pytest.raises(DataError, match="HTTP 503 Service Unavailable"):
        download(server.add("/file", b"", 503), limit=100)


def test_a_body_that_ends_early_is_refused(server):
    url = server.add("/file", b"half", Content_Length=8)
    with pytest.raises(DataError, match=r"ended after 4 of 8 bytes|IncompleteRead"):
        download(url, limit=100)


def test_too_large_an_announcement_is_refused_before_the_body(server):
    url = server.add("/file", b"x", Content_Length=10**15)
    with pytest.raises(DataError, match="1000000000000000 bytes announced, at most 100 expected"):
        download(url, limit=100)


def test_an_endless_body_is_cut_off(server):
    url = server.add("/file", [b"x" * 1000] * 1000)
    with pytest.raises(DataError, match="more than the 5000 bytes expected"):
        download(url, limit=5000)


def test_a_server_that_stalls_is_given_up(server):
    never = threading.Event()
    url = server.add("/file", [b"some", never])
    with pytest.raises(DataError, match=r"no bytes for 0\.2 seconds"):
        download(url, limit=100, timeout=0.2)
    never.set()


def test_a_server_that_trickles_is_given_up_at_the_deadline(server):
    url = server.add("/file", [b"x" * 10] * 10)
    with pytest.raises(DataError, match="too slow: "):
        download(url, limit=100, deadline=-1)


def test_a_server_that_is_gone_is_an_error_of_ours():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with pytest.raises(DataError, match="no connection: "):
        download(f"http://127.0.0.1:{port}/file", limit=100)


def test_a_server_that_does_not_speak_http_is_an_error_of_ours():
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def answer():
            connection, _ = listener.accept()
            with connection:
                connection.recv(1000)
                connection.sendall(b"220 mail.example ready\r\n\r\n")

        thread = threading.Thread(target=answer)
        thread.start()
        with pytest.raises(DataError, match="connection broken: "):
            download(f"http://127.0.0.1:{listener.getsockname()[1]}/", limit=100)
        thread.join()


ENDLESS = {
    "a header, byte by byte": (b"HTTP/1.1 200 OK\r\n", b"X"),
    "answers that something is to come": (b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
    "the size of a chunk": (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"0"),
    "headers after the last chunk": (
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n",
        b"A: b\r\n",
    ),
}


@pytest.mark.parametrize(("begin", "more"), ENDLESS.values(), ids=ENDLESS)
def test_a_server_that_keeps_busy_with_nothing_is_given_up_at_the_deadline(begin, more):
    done = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def answer():
            connection, _ = listener.accept()
            with connection, contextlib.suppress(OSError):
                connection.recv(1000)
                connection.sendall(begin)
                while not done.wait(0.05):
                    connection.sendall(more)

        thread = threading.Thread(target=answer)
        thread.start()
        address = f"http://127.0.0.1:{listener.getsockname()[1]}/"
        with pytest.raises(DataError, match="too slow: not all came in"):
            download(address, limit=100, timeout=5.0, deadline=0.3)
        done.set()
        thread.join()


def test_a_redirection_to_another_scheme_is_not_followed(server):
    url = server.add("/here", b"", 302, Location="ftp://127.0.0.1:1/there")
    with pytest.raises(DataError, match="unknown url type: ftp"):
        download(url, limit=100)
