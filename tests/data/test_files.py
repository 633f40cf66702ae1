import gzip
import hashlib
import io
import os
import socket
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest

from rushlight.core.errors import DataError, FormatError, UsageError
from rushlight.data import fashion_mnist, mnist, shakespeare, sms
from rushlight.data.files import DataFile, fetch, find, read_text, require_file

CONTENT = b"to be\nor not to be\n" * 100
ALL = [
    mnist.TRAIN_IMAGES,
    mnist.TRAIN_LABELS,
    mnist.TEST_IMAGES,
    mnist.TEST_LABELS,
    sms.FILE,
    shakespeare.FILE,
]
DOWNLOADED = [
    *ALL,
    fashion_mnist.TRAIN_IMAGES,
    fashion_mnist.TRAIN_LABELS,
    fashion_mnist.TEST_IMAGES,
    fashion_mnist.TEST_LABELS,
]


def data_file(*mirrors, kind="text", content=CONTENT, name="play/input.txt"):
    return DataFile(name, kind, len(content), hashlib.md5(content).hexdigest(), mirrors)


def cached():
    return Path(os.environ["RUSHLIGHT_CACHE_DIR"]) / "data" / "play" / "input.txt"


def cache_entries():
    folder = Path(os.environ["RUSHLIGHT_CACHE_DIR"])
    return [path for path in folder.rglob("*") if path.is_file()]


def zipped(name, content):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("readme", "about")
        archive.writestr(name, content)
    return buffer.getvalue()


def dead_url():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{free.getsockname()[1]}/gone.txt"


def test_a_file_is_downloaded_once_and_kept_in_the_cache(server):
    file = data_file(server.add("/input.txt", CONTENT))
    assert find(file) is None
    assert fetch(file) == cached()
    assert cached().read_bytes() == CONTENT
    assert fetch(file) == find(file) == cached()
    assert server.asked == ["/input.txt"]
    assert cache_entries() == [cached()]


def test_a_gzip_file_is_kept_packed_and_checked_unpacked(server):
    packed = gzip.compress(CONTENT)
    file = data_file(server.add("/x.gz", packed), kind="gzip", name="play/x.gz")
    assert fetch(file).read_bytes() == packed


def test_a_text_with_crlf_line_ends_is_the_same_text(server):
    windows = CONTENT.replace(b"\n", b"\r\n")
    assert fetch(data_file(server.add("/input.txt", windows))).read_bytes() == windows


def test_a_member_of_a_zip_archive_is_taken_out(server):
    url = server.add("/all.zip", zipped("input.txt", CONTENT))
    assert fetch(data_file(url + "#input.txt")).read_bytes() == CONTENT


def test_the_next_mirror_is_asked_when_one_fails(server):
    good = server.add("/good.txt", CONTENT)
    file = data_file(dead_url(), server.url("/missing.txt"), good)
    assert fetch(file).read_bytes() == CONTENT
    assert server.asked == ["/missing.txt", "/good.txt"]


def wrong_answers():
    packed = gzip.compress(CONTENT)
    bomb = gzip.compress(bytes(10_000_000))
    archive = zipped("input.txt", CONTENT)
    yield "another text of equal length", "text", CONTENT[::-1], "", "wrong content: MD5"
    yield "a shorter text", "text", CONTENT[:-1], "", "wrong content: 1899 bytes instead of 1900"
    yield "a longer text", "text", CONTENT + b"x", "", "wrong content: more bytes instead of 1900"
    yield "plain text for gzip", "gzip", CONTENT, "", "wrong content: Not a gzipped file"
    yield "gzip cut short", "gzip", packed[:-9], "", "wrong content: Compressed file ended"
    yield "a flipped bit", "gzip", packed[:30] + b"\xff" + packed[31:], "", "wrong content: "
    yield "a gzip bomb", "gzip", bomb, "", "wrong content: more bytes instead of 1900"
    yield "an empty answer", "text", b"", "", "wrong content: 0 bytes instead of 1900"
    yield "no zip archive", "text", CONTENT, "#input.txt", "wrong content: File is not a zip file"
    yield "a zip without it", "text", archive, "#other.txt", "the archive has no other.txt"
    before = archive[:-10] + b"\xff\xff\xff\x7f" + archive[-6:]  # the size of its list of members
    yield "a zip that begins before itself", "text", before, "#input.txt", "wrong content: "
    yield "a zip cut short", "text", archive[:-30], "#input.txt", "wrong content: "


@pytest.mark.parametrize(
    ("kind", "body", "member", "reason"),
    [answer[1:] for answer in wrong_answers()],
    ids=[answer[0] for answer in wrong_answers()],
)
def test_a_wrong_answer_is_named_and_not_kept(server, kind, body, member, reason):
    mirror = server.add("/input", body) + member
    with pytest.raises(DataError) as caught:
        fetch(data_file(mirror, kind=kind))
    assert f"  {mirror}  {reason}" in str(caught.value)
    assert cache_entries() == []


BROKEN_OFF = r"ended after 500 of 1900 bytes|IncompleteRead"


def break_off(server, **headers):
    """Let a download end after 500 bytes; return the file, whose server is whole by then."""
    mirror = server.add("/input.txt", CONTENT[:500], Content_Length=len(CONTENT), **headers)
    file = data_file(mirror)
    with pytest.raises(DataError, match=BROKEN_OFF):
        fetch(file)
    assert not cached().exists()
    server.add("/input.txt", CONTENT, **headers)
    server.ranged.add("/input.txt")
    return file


def parts():
    return [path for path in cache_entries() if path.suffix == ".part"]


@pytest.mark.parametrize("headers", [{"ETag": '"1"'}, {}], ids=["tag", "no tag"])
def test_a_download_that_broke_off_goes_on_where_it_was(server, headers):
    file = break_off(server, **headers)
    assert cache_entries() == parts() != []
    assert fetch(file).read_bytes() == CONTENT
    assert server.ranges == [("bytes=500-", headers.get("ETag"))]
    assert cache_entries() == [cached()]


def test_a_download_may_break_off_several_times(server):
    file = break_off(server, ETag='"1"')
    server.ranged.clear()
    rest = {"Content_Range": "bytes 500-1899/1900", "ETag": '"1"', "Content_Length": 1400}
    server.add("/input.txt", CONTENT[500:800], 206, **rest)
    with pytest.raises(DataError, match=r"ended after 800 of 1900 bytes|IncompleteRead"):
        fetch(file)
    server.add("/input.txt", CONTENT, ETag='"1"')
    server.ranged.add("/input.txt")
    assert fetch(file).read_bytes() == CONTENT
    assert server.ranges == [("bytes=800-", '"1"')]


def test_a_server_that_knows_no_ranges_sends_it_all_again(server):
    file = break_off(server)
    server.ranged.clear()
    assert fetch(file).read_bytes() == CONTENT
    assert cache_entries() == [cached()]


def test_a_file_that_has_changed_meanwhile_is_sent_whole(server):
    file = break_off(server, ETag='"1"')
    server.add("/input.txt", CONTENT, ETag='"2"')
    assert fetch(file).read_bytes() == CONTENT
    assert server.ranges == [("bytes=500-", '"1"')]


@pytest.mark.parametrize(
    "spoil",
    [
        lambda part: part.write_bytes(part.read_bytes()[:-3] + b"xyz"),
        lambda part: part.write_bytes(part.read_bytes() + bytes(5000)),
        lambda part: part.write_bytes(part.read_bytes() + bytes(100_000)),
        lambda part: part.write_bytes(b"no facts\n" + CONTENT[:500]),
        lambda part: part.write_bytes(b"[" * 5000 + CONTENT[:500]),
        lambda part: part.write_bytes(b'{"url": 1, "tag": 2}\n'),
        lambda part: part.write_bytes(b""),
        lambda part: part.write_bytes(part.read_bytes().replace(b"1900", b"1901", 1)),
        lambda part: part.write_bytes(part.read_bytes().replace(rb"\"1\"", rb"a\r\nB: c")),
        lambda part: part.write_bytes(part.read_bytes().replace(rb"\"1\"", rb"\u20ac")),
    ],
    ids=["wrong", "long", "huge", "text", "deep", "facts", "empty", "size", "lines", "signs"],
)
def test_a_part_that_is_wrong_does_no_harm(server, spoil):
    file = break_off(server, ETag='"1"')
    (part,) = parts()
    spoil(part)
    assert fetch(file).read_bytes() == CONTENT
    assert cache_entries() == [cached()]


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no named pipes here")
def test_a_pipe_where_a_part_would_be_is_not_waited_for(server):
    file = break_off(server)
    (part,) = parts()
    part.unlink()
    os.mkfifo(part)
    assert fetch(file).read_bytes() == CONTENT


def test_a_wrong_file_is_fetched_twice_only_if_it_began_with_a_part(server):
    file = break_off(server, ETag='"1"')
    server.add("/input.txt", CONTENT[::-1], ETag='"1"')
    with pytest.raises(DataError, match="wrong content: MD5"):
        fetch(file)
    assert server.asked == ["/input.txt"] * 3
    assert cache_entries() == []
    with pytest.raises(DataError, match="wrong content: MD5"):
        fetch(file)
    assert server.asked == ["/input.txt"] * 4


@pytest.mark.parametrize(
    "content_range",
    ["bytes 0-1899/1900", "bytes 500-1899/*", "bytes 500-1899/3000", "apples 500-1899/1900", ""],
)
def test_a_server_that_answers_with_another_range_is_asked_for_it_all(server, content_range):
    file = break_off(server)
    wrong = {"Content-Range": content_range}
    server.pages["/input.txt"] = (206, wrong, CONTENT[500:])
    server.ranged.clear()
    with pytest.raises(DataError, match="the server gives the rest of something else"):
        fetch(file)  # again, though all is asked for
    assert cache_entries() == []
    server.add("/input.txt", CONTENT)
    assert fetch(file).read_bytes() == CONTENT


def test_the_part_of_one_mirror_is_no_part_of_another(server):
    broken = server.add("/broken.txt", CONTENT[:500], Content_Length=len(CONTENT))
    whole = server.add("/whole.txt", CONTENT)
    server.ranged.add("/whole.txt")
    assert fetch(data_file(broken, whole)).read_bytes() == CONTENT
    assert server.ranges == []
    assert cache_entries() == [cached()]


def test_a_truncated_archive_goes_on_too(server):
    archive = zipped("input.txt", CONTENT)
    mirror = server.add("/all.zip", archive[:50], Content_Length=len(archive)) + "#input.txt"
    with pytest.raises(DataError, match=r"ended after 50 of|IncompleteRead"):
        fetch(data_file(mirror))
    server.add("/all.zip", archive)
    server.ranged.add("/all.zip")
    assert fetch(data_file(mirror)).read_bytes() == CONTENT
    assert server.ranges == [("bytes=50-", None)]


def test_offline_is_one_error_that_names_the_file_the_mirrors_and_its_place(server):
    gone, missing = dead_url(), server.url("/missing.txt")
    with pytest.raises(DataError) as caught:
        fetch(data_file(gone, missing))
    first, second, third, hint = str(caught.value).splitlines()
    assert first == "play/input.txt: not found here, and no mirror gave it"
    assert second.split()[:3] == [gone, "no", "connection:"]
    assert third.split() == [missing, "HTTP", "404", "Not", "Found"]
    assert hint == (
        f"  hint: put the file at {cached()}, "
        "or set RUSHLIGHT_DATA_DIR to a folder with play/input.txt"
    )


def test_a_cache_that_cannot_be_written_is_one_clear_error(server, monkeypatch, tmp_path):
    (tmp_path / "taken").write_text("a file where the folder should be")
    monkeypatch.setenv("RUSHLIGHT_CACHE_DIR", str(tmp_path / "taken"))
    with pytest.raises(DataError, match="cannot be written") as caught:
        fetch(data_file(server.add("/input.txt", CONTENT)))
    assert "set RUSHLIGHT_CACHE_DIR to a folder that can be written" in str(caught.value)


def test_a_name_that_is_taken_by_a_folder_leaves_no_temporary_file(server):
    cached().mkdir(parents=True)
    with pytest.raises(DataError, match="cannot be written"):
        fetch(data_file(server.add("/input.txt", CONTENT)))
    assert cache_entries() == []


def test_the_chosen_folder_comes_before_the_cache(monkeypatch, tmp_path):
    chosen = tmp_path / "mine" / "play" / "input.txt"
    for path in (chosen, cached()):
        path.parent.mkdir(parents=True)
        path.write_bytes(CONTENT)
    assert find(data_file()) == cached()
    monkeypatch.setenv("RUSHLIGHT_DATA_DIR", str(tmp_path / "mine"))
    assert find(data_file()) == chosen


def test_the_chosen_folder_comes_before_the_checkout(monkeypatch, tmp_path):
    chosen = tmp_path / "tinyshakespeare" / "input.txt"
    chosen.parent.mkdir()
    chosen.write_text("Mine own.\n")
    assert find(shakespeare.FILE) != chosen
    monkeypatch.setenv("RUSHLIGHT_DATA_DIR", str(tmp_path))
    assert find(shakespeare.FILE) == chosen
    assert shakespeare.load() == "Mine own.\n"


def test_a_file_that_the_chosen_folder_lacks_is_looked_for_elsewhere(monkeypatch, tmp_path):
    monkeypatch.setenv("RUSHLIGHT_DATA_DIR", str(tmp_path))
    path = find(shakespeare.FILE)
    assert path is not None
    assert path.is_file()


def test_a_chosen_folder_that_does_not_exist_is_refused(monkeypatch, tmp_path):
    monkeypatch.setenv("RUSHLIGHT_DATA_DIR", str(tmp_path / "none"))
    with pytest.raises(UsageError, match="RUSHLIGHT_DATA_DIR names"):
        fetch(shakespeare.FILE)


@pytest.mark.parametrize("file", ALL, ids=lambda file: file.name)
def test_the_files_of_the_checkout_have_the_content_that_is_asked_of_mirrors(file):
    path = find(file)
    assert path == Path(__file__).parents[2] / "data" / file.name
    packed = path.read_bytes()
    unpacked = gzip.decompress(packed) if file.kind == "gzip" else packed.replace(b"\r\n", b"\n")
    assert len(unpacked) == file.size
    assert hashlib.md5(unpacked).hexdigest() == file.md5


@pytest.mark.parametrize("file", DOWNLOADED, ids=lambda file: file.name)
def test_every_file_has_two_mirrors_that_are_encrypted(file):
    assert len(file.mirrors) >= 2
    assert all(mirror.startswith("https://") for mirror in file.mirrors)


@pytest.mark.long
@pytest.mark.parametrize("file", DOWNLOADED, ids=lambda file: file.name)
def test_every_mirror_gives_the_right_content(file, monkeypatch, tmp_path):
    for number, mirror in enumerate(file.mirrors):
        monkeypatch.setenv("RUSHLIGHT_CACHE_DIR", str(tmp_path / str(number)))
        fetch(replace(file, name=f"mirrored/{file.name}", mirrors=(mirror,)))


def test_a_missing_file_and_a_folder_are_no_files(tmp_path):
    for path in (tmp_path, tmp_path / "none"):
        with pytest.raises(DataError, match="there is no such file"):
            require_file(path)
        with pytest.raises(DataError, match="there is no such file"):
            read_text(path)


def test_text_is_utf8_with_lf_line_ends(tmp_path):
    path = tmp_path / "text"
    path.write_bytes("één\r\ntwee\nlast\rline".encode())
    assert read_text(path) == "één\ntwee\nlast\rline"


def test_text_in_another_encoding_is_refused_with_its_place(tmp_path):
    path = tmp_path / "text"
    path.write_bytes(b"ok \xff")
    with pytest.raises(FormatError, match=r"line 1 is not utf-8 text \(at byte 3\)"):
        read_text(path)


def test_an_enormous_text_is_refused(tmp_path):
    path = tmp_path / "text"
    with path.open("wb") as stream:
        stream.truncate((64 << 20) + 1)
    with pytest.raises(FormatError, match="more than 67108864 bytes of text"):
        read_text(path)
