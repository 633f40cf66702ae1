"""Great headers, odd paths, cut files and flipped bits: an answer soon, and never another error.

The official library, where it is installed, is the judge of what is let through: whatever is read
here it must read as well.
"""

import contextlib
import os
import random
import socket
import tracemalloc
from pathlib import Path

import numpy as np
import pytest

from rushlight.core.errors import FormatError
from rushlight.formats.safetensors import (
    SafetensorsFile,
    StoredTensor,
    load_bytes,
    load_file,
    save_file,
)

posix = pytest.mark.skipif(os.name != "posix", reason="pipes, devices and links of POSIX")

MIB = 2**20


def file_of(header: str | bytes, data: bytes = b"") -> bytes:
    text = header.encode() if isinstance(header, str) else header
    return len(text).to_bytes(8, "little") + text + data


def with_metadata(text: str) -> bytes:
    return file_of(f'{{"__metadata__":{text}}}')


# --- little memory ---

FULL = 16 * MIB - 100  # of header, just within the limit


@pytest.mark.parametrize(
    "content",
    [
        file_of('{"a":' + "[" * FULL),
        file_of('{"a":' * (FULL // 5)),
        file_of('{"a":[' + "[]," * (FULL // 3)),
        file_of('{"a":[' + "{}," * (FULL // 3)),
        file_of('{"a":{"dtype":"F32","shape":[' + "0," * (FULL // 2)),
        with_metadata("{" + ",".join(f'"{n:x}":""' for n in range(1_500_000)) + "}"),
        with_metadata('{"a":"' + '\\"' * (FULL // 2) + '"}'),
        with_metadata('{"a":"' + "\\ud83d\\ude00" * (FULL // 12) + '"}'),
        with_metadata('{"a":"' + "\U0001f600\\n" * (FULL // 6) + '"}'),
        file_of('{"' + "\\n" * (FULL // 2) + '":1}'),
        file_of(b'{"' + b"\\n" * (FULL // 2)),
        file_of("{" + " " * FULL),
        file_of("{}" + " " * FULL + "x"),
    ],
    ids=[
        "nested lists",
        "nested objects",
        "empty lists",
        "empty objects",
        "sizes",
        "metadata",
        "escaped quotes",
        "escaped emoji",
        "raw emoji",
        "a long name",
        "a name without an end",
        "spaces",
        "spaces and a letter",
    ],
)
def test_a_header_of_sixteen_mebibytes_takes_little_memory(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a").write_bytes(content)
    tracemalloc.start()
    with contextlib.suppress(FormatError):
        load_file(tmp_path / "a")
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 64 * MIB + 2 * len(content)


# --- paths that are no file ---


def test_a_missing_file_is_one_clear_line(tmp_path: Path) -> None:
    with pytest.raises(FormatError) as caught:
        load_file(tmp_path / "missing.safetensors")
    assert str(caught.value) == f"{tmp_path / 'missing.safetensors'}: no such file"


def test_a_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FormatError, match="is a folder, not a file"):
        load_file(tmp_path)


@posix
@pytest.mark.parametrize("device", ["/dev/null", "/dev/zero", "/dev/tty", "/dev/full"])
def test_a_device_is_refused(device: str) -> None:
    if not os.path.exists(device):
        pytest.skip(f"no {device} here")
    with pytest.raises(FormatError, match="is a pipe, a socket or a device, not a file"):
        load_file(device)


@posix
def test_a_pipe_that_nobody_writes_to_is_refused_at_once(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(FormatError, match="is a pipe, a socket or a device, not a file"):
        load_file(tmp_path / "pipe")


@posix
def test_a_pipe_that_takes_the_place_of_the_file_at_the_last_moment_is_refused_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "file").write_bytes(file_of("{}"))
    before = os.stat(tmp_path / "file")
    with monkeypatch.context() as patch, pytest.raises(FormatError, match="is a pipe, a socket"):
        patch.setattr(os, "stat", lambda _path: before)
        load_file(tmp_path / "pipe")


@posix
def test_a_socket_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)  # the path of a socket must be short
    with socket.socket(socket.AF_UNIX) as server:
        server.bind("socket")
        with pytest.raises(FormatError, match="is a pipe, a socket or a device, not a file"):
            load_file("socket")


def test_a_file_that_may_not_be_read_says_so(folder_of_an_ordinary_user: Path) -> None:
    path = folder_of_an_ordinary_user / "a"
    path.write_bytes(file_of("{}"))
    path.chmod(0)
    with pytest.raises(FormatError, match="permission to read it is denied"):
        load_file(path)


@posix
def test_links_are_followed_unless_they_lead_nowhere(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(file_of("{}"))
    (tmp_path / "good").symlink_to("a")
    (tmp_path / "broken").symlink_to("missing")
    (tmp_path / "endless").symlink_to("endless")
    assert load_file(tmp_path / "good").names == ()
    with pytest.raises(FormatError, match="no such file"):
        load_file(tmp_path / "broken")
    with pytest.raises(FormatError, match=r"cannot be read: .*[Ll]inks"):
        load_file(tmp_path / "endless")


@posix
@pytest.mark.parametrize("name", ["a\0b", "a\ud800b", "a" * 300])
def test_an_impossible_name_is_a_format_error(tmp_path: Path, name: str) -> None:
    with pytest.raises(FormatError, match="cannot be read"):
        load_file(tmp_path / name)


@posix
def test_a_path_through_a_file_is_a_format_error(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(file_of("{}"))
    with pytest.raises(FormatError, match=r"cannot be read: .*Not a directory"):
        load_file(tmp_path / "a" / "b")


# --- truncation and bit flips ---


@pytest.fixture(scope="module")
def specimen(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("specimen") / "a.safetensors"
    arrays = {
        "encoder.0.weight": np.linspace(-1, 1, 25 * 30, dtype=np.float32).reshape(25, 30),
        "encoder.0.bias": np.arange(100.0),
        "mask": np.arange(64) % 3 == 0,
        "ids": np.arange(90, dtype=np.int16),
        "empty": np.zeros((0, 4), np.uint8),
        "step": np.array(7),
    }
    tensors = {name: StoredTensor.of(array) for name, array in arrays.items()}
    save_file(path, tensors, {"kind": "spécimen", "labels": '["a", "b"]'})
    return path


def read_all(file: SafetensorsFile) -> dict[str, StoredTensor]:
    return {name: file.tensor(name) for name in file.names}


def test_a_file_cut_at_any_byte_is_refused(specimen: Path, tmp_path: Path) -> None:
    content = specimen.read_bytes()
    assert 4000 < len(content) < 5000
    path = tmp_path / "cut"
    path.write_bytes(content)
    for size in reversed(range(len(content))):
        os.truncate(path, size)
        with pytest.raises(FormatError):
            load_file(path)


def check_flipped_bits(content: bytes, flips: int, seed: int) -> None:
    """Flip one to three bits, mostly of the header: the file is refused, or all may read it."""
    official = pytest.importorskip("safetensors")
    chance = random.Random(seed)
    read = 0
    for _ in range(flips):
        broken = bytearray(content)
        end = chance.choice([8, 500, 500, len(content)])
        for _ in range(chance.randint(1, 3)):
            broken[chance.randrange(end)] ^= 1 << chance.randrange(8)
        try:
            tensors = read_all(load_bytes(bytes(broken)))
        except FormatError:
            continue
        read += 1
        theirs = dict(official.deserialize(bytes(broken)))
        assert theirs.keys() == tensors.keys()
        for name, tensor in tensors.items():
            assert bytes(theirs[name]["data"]) == tensor.array.tobytes()
    assert 0 < read < flips, "all were refused, or all were read: this proves little"


def test_flipped_bits_are_refused_or_harmless(specimen: Path) -> None:
    check_flipped_bits(specimen.read_bytes(), flips=4000, seed=1)


@pytest.mark.long
def test_many_flipped_bits_are_refused_or_harmless(specimen: Path) -> None:
    check_flipped_bits(specimen.read_bytes(), flips=100_000, seed=2)


def check_rewritten_headers(content: bytes, rewrites: int, seed: int) -> None:
    """Replace pieces of the header by pieces of JSON that mean something elsewhere."""
    official = pytest.importorskip("safetensors")
    chance = random.Random(seed)
    length = int.from_bytes(content[:8], "little")
    header, data = content[8 : 8 + length], content[8 + length :]
    pieces = [
        b"[]",
        b"{}",
        b",",
        b":",
        b'"',
        b"0",
        b"-1",
        b"1e9",
        b"null",
        b'"a"',
        b" ",
        b"\\u0000",
    ]
    pieces += [b"[0,4]", b"[0]", b"18446744073709551616", b'"shape"', b'"F32"', b"}", b"]", b""]
    for _ in range(rewrites):
        begin = chance.randrange(length)
        end = min(length, begin + chance.randint(0, 8))
        broken = file_of(header[:begin] + chance.choice(pieces) + header[end:], data)
        try:
            tensors = read_all(load_bytes(broken))
        except FormatError:
            continue
        assert dict(official.deserialize(broken)).keys() == tensors.keys()


def test_rewritten_headers_are_refused_or_harmless(specimen: Path) -> None:
    check_rewritten_headers(specimen.read_bytes(), rewrites=4000, seed=3)


@pytest.mark.long
def test_many_rewritten_headers_are_refused_or_harmless(specimen: Path) -> None:
    check_rewritten_headers(specimen.read_bytes(), rewrites=100_000, seed=4)
