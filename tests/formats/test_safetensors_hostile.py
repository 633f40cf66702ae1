"""A broken or hostile safetensors file ends in one clear `FormatError` that says where and what."""

import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from rushlight.core.errors import FormatError
from rushlight.formats.safetensors import (
    StoredTensor,
    load_bytes,
    load_file,
)

posix = pytest.mark.skipif(os.name != "posix", reason="pipes, devices and modes of POSIX")

MIB = 2**20
F4 = bytes(4)  # the data of one float32


def file_of(header: str | bytes, data: bytes = b"") -> bytes:
    text = header.encode() if isinstance(header, str) else header
    return len(text).to_bytes(8, "little") + text + data


def entry(dtype: str = '"F32"', shape: str = "[1]", offsets: str = "[0,4]") -> str:
    return f'{{"dtype":{dtype},"shape":{shape},"data_offsets":{offsets}}}'


def one(
    dtype: str = '"F32"', shape: str = "[1]", offsets: str = "[0,4]", data: bytes = F4
) -> bytes:
    return file_of(f'{{"w":{entry(dtype, shape, offsets)}}}', data)


def two(first: str, second: str, data: bytes = bytes(8)) -> bytes:
    """Return a file of two float32 tensors at the offsets given."""
    return file_of(f'{{"a":{entry(offsets=first)},"b":{entry(offsets=second)}}}', data)


def named(name: bytes) -> bytes:
    return file_of(b'{"' + name + b'":' + entry().encode() + b"}", F4)


def with_metadata(text: str) -> bytes:
    return file_of(f'{{"__metadata__":{text}}}')


def case(name: str, content: bytes, fact: str, offset: int | None = None) -> Any:
    return pytest.param(content, fact, offset, id=name)


LENGTHS = [
    case("an empty file", b"", "the file is empty"),
    case("a file of one byte", b"\x02", "1 bytes cannot hold the length", 1),
    case("a file that ends within the length", bytes(7), "7 bytes cannot hold the length", 7),
    case("nothing after the length", bytes([2, 0, 0, 0, 0, 0, 0, 0]), "0 are left", 0),
    case("a header of length zero", bytes(8), '{"name": or {} in the header, found its end', 8),
    case("a header of length one", file_of("{"), 'expected {"name": or {} in the header', 8),
    case("a header longer than the file", file_of("{}")[:-1], "would take 2 bytes, 1 are left", 0),
    case("the greatest length there is", b"\xff" * 8 + b"{}", "18,446,744,073,709,551,615", 0),
    case("a length that is negative when signed", b"\0" * 7 + b"\x80{}", "9,223,372,036,854", 0),
    case("a big-endian length", (2).to_bytes(8, "big") + b"{}", "144,115,188,075,855,872", 0),
    case("a header over the limit", file_of(b"{}" + b" " * 16 * MIB), "more than 16,777,216", 0),
    case("a PNG picture", b"\x89PNG\r\n\x1a\n" + bytes(100), "no safetensors file", 0),
    case(
        "a zip archive",
        b"PK\x03\x04\x14\x00\x00\x00\x08\x00" + bytes(100),
        "no safetensors file",
        0,
    ),
    case("a page of text", b"Dear reader, this is not a model.\n", "no safetensors file", 0),
]

JSON = [
    case("a space before the header", file_of(" {}"), "found ' {}'", 8),
    case(
        "a byte order mark before the header",
        file_of("\ufeff{}"),
        'expected {"name": or {} in the header',
        8,
    ),
    case("a list as header", file_of("[]"), 'expected {"name": or {} in the header', 8),
    case("null as header", file_of("null"), 'expected {"name": or {} in the header', 8),
    case("a header that is not closed", file_of("{"), 'expected {"name": or {} in the header', 8),
    case("a header closed twice", file_of("{}}"), "nothing but spaces after the header", 10),
    case(
        "a second object after the header",
        file_of("{}{}"),
        "nothing but spaces after the header",
        10,
    ),
    case(
        "zeros after the header",
        file_of(b"{}\0\0\0\0\0\0"),
        "nothing but spaces after the header",
        10,
    ),
    case(
        "a line break after the header", file_of("{}\n"), "nothing but spaces after the header", 10
    ),
    case(
        "a comma after the last tensor",
        file_of(f'{{"w":{entry()},}}', F4),
        'expected ,"name": or } in the header',
    ),
    case(
        "a comma before the first tensor",
        file_of(f'{{,"w":{entry()}}}', F4),
        'expected {"name": or {} in the header',
    ),
    case(
        "two tensors without a comma",
        file_of(f'{{"a":{entry()}"b":1}}', F4),
        'expected ,"name": or } in the header',
    ),
    case("a comment in the header", file_of("{/* */}"), 'expected {"name": or {} in the header', 8),
    case("single quotes", file_of("{'w':1}"), 'expected {"name": or {} in the header', 8),
    case(
        "a name without quotes",
        file_of(f"{{w:{entry()}}}", F4),
        'expected {"name": or {} in the header',
        8,
    ),
    case("a name that is not closed", file_of('{"w'), 'expected {"name": or {} in the header', 8),
    case("UTF-16", file_of("{}".encode("utf-16")), 'expected {"name": or {} in the header', 8),
    case("nesting of 100,000 objects", file_of('{"a":' * 100_000), "tensor 'a' to be", 13),
    case("nesting of 100,000 lists", file_of('{"a":' + "[" * 100_000), "tensor 'a' to be", 13),
    case(
        "nesting within the metadata", with_metadata('{"a":{"b":{}}}'), "a string in __metadata__"
    ),
    case("nesting within a shape", one(shape="[[1]]"), "tensor 'w' to be", 13),
]

NAMES = [
    case("an empty name", named(b""), "'' is empty", 9),
    case("a name of 1025 bytes", named(b"n" * 1025), "is longer than 1,024 bytes", 9),
    case(
        "a name of 600 letters of two bytes", named("é".encode() * 600), "is longer than 1,024", 9
    ),
    case("a NUL in a name", named(b"a\\u0000b"), "'a\\x00b' has a control character", 9),
    case("a raw NUL in a name", named(b"a\0b"), 'expected {"name": or {} in the header', 8),
    case("a line break in a name", named(b"a\\nb"), "'a\\nb' has a control character", 9),
    case("a raw line break in a name", named(b"a\nb"), 'expected {"name": or {} in the header', 8),
    case("a terminal code in a name", named(b"\\u001b[2J"), "has a control character", 9),
    case("DEL in a name", named(b"a\x7f"), "has a control character", 9),
    case(
        "an 8-bit terminal code in a name", named("\x9b2J".encode()), "has a control character", 9
    ),
    case("a name in Latin-1", named(b"caf\xe9"), "the header is not UTF-8", 13),
    case("an overlong UTF-8 slash in a name", named(b"a\xc0\xaf"), "is not UTF-8", 11),
    case("half a surrogate pair in UTF-8", named(b"a\xed\xa0\x80"), "is not UTF-8", 11),
    case("half a surrogate pair as an escape", named(b"a\\ud800"), "escape is not valid", 9),
    case("an unknown escape in a name", named(b"a\\q"), "escape is not valid", 9),
    case("an escape that is cut short", named(b"a\\u12"), "escape is not valid", 9),
    case(
        "the same name twice with equal tensors",
        file_of(f'{{"w":{entry()},"w":{entry()}}}', F4),
        "'w' appears twice",
        62,
    ),
    case(
        "the same name twice with other tensors",
        file_of(f'{{"w":{entry()},"w":{entry(offsets="[4,8]")}}}', bytes(8)),
        "'w' appears twice",
    ),
    case(
        "the same name twice, once with an escape",
        file_of(f'{{"w":{entry()},"\\u0077":{entry()}}}', F4),
        "'w' appears twice",
    ),
]

METADATA = [
    case("metadata twice", file_of('{"__metadata__":{},"__metadata__":{}}'), "appears twice", 27),
    case("null as metadata", with_metadata("null"), 'expected {"name": or {} in __metadata__', 24),
    case("a list as metadata", with_metadata("[]"), 'expected {"name": or {} in __metadata__', 24),
    case("a number in the metadata", with_metadata('{"epoch":3}'), "a string in __metadata__", 33),
    case("null in the metadata", with_metadata('{"a":null}'), "a string in __metadata__"),
    case(
        "a metadata key twice", with_metadata('{"a":"1","a":"1"}'), "__metadata__: name 'a' appears"
    ),
    case("an empty metadata key", with_metadata('{"":"x"}'), "__metadata__: name '' is empty"),
    case("a NUL in a metadata key", with_metadata('{"\\u0000":""}'), "has a control character"),
    case("a long metadata key", with_metadata(f'{{"{"k" * 1025}":""}}'), "longer than 1,024"),
    case(
        "raw Latin-1 in the metadata", file_of(b'{"__metadata__":{"a":"\xe9"}}'), "is not UTF-8", 30
    ),
    case("half a character in the metadata", with_metadata('{"a":"\\udc00"}'), "is not valid", 29),
    case("a raw line break in the metadata", with_metadata('{"a":"x\ny"}'), "a string in"),
    case("metadata in the place of a tensor", file_of('{"w":{"a":"b"}}'), "tensor 'w' to be", 13),
    case(
        "a tensor in the place of metadata", file_of(f'{{"__metadata__":{entry()}}}', F4), "string"
    ),
]

ENTRIES = [
    case("a string as tensor", file_of('{"w":"F32"}'), "tensor 'w' to be", 13),
    case("an empty object as tensor", file_of('{"w":{}}'), "tensor 'w' to be", 13),
    case(
        "a tensor without a dtype", file_of('{"w":{"shape":[],"data_offsets":[0,0]}}'), "'w' to be"
    ),
    case("a tensor without a shape", file_of('{"w":{"dtype":"U8","data_offsets":[0,0]}}'), "to be"),
    case("a tensor without offsets", file_of('{"w":{"dtype":"U8","shape":[0]}}'), "to be"),
    case("a field too many", file_of('{"w":' + entry()[:-1] + ',"x":1}}', F4), "to be"),
    case("a field twice", file_of('{"w":' + entry()[:-1] + ',"shape":[1]}}', F4), "to be"),
    case(
        "a field in the place of another",
        file_of('{"w":{"dtype":"F32","shape":[1],"shape":[1]}}', F4),
        "tensor 'w': a field appears twice",
        13,
    ),
    case("an unknown dtype", one(dtype='"F31"'), "dtype 'F31' is none of F64, F32, F16, BF16", 13),
    case("a dtype of 8 bits that is not supported", one(dtype='"F8_E4M3"'), "'F8_E4M3' is none of"),
    case("a dtype in small letters", one(dtype='"f32"'), "tensor 'w' to be"),
    case("a number as dtype", one(dtype="32"), "tensor 'w' to be"),
    case("null as dtype", one(dtype="null"), "tensor 'w' to be"),
    case("a number as shape", one(shape="1"), "tensor 'w' to be"),
    case("null as shape", one(shape="null"), "tensor 'w' to be"),
    case("a negative size", one(shape="[-1]"), 'found \'{"dtype":"F32","shape":[-1]'),
    case("two negative sizes", one(shape="[-1,-1]"), "tensor 'w' to be"),
    case("minus zero as size", one(shape="[-0]", offsets="[0,0]", data=b""), "tensor 'w' to be"),
    case("a fraction as size", one(shape="[1.0]"), "tensor 'w' to be"),
    case("an exponent as size", one(shape="[1e0]"), "tensor 'w' to be"),
    case("NaN as size", one(shape="[NaN]"), "tensor 'w' to be"),
    case("Infinity as size", one(shape="[Infinity]"), "tensor 'w' to be"),
    case("true as size", one(shape="[true]"), "tensor 'w' to be"),
    case("a string as size", one(shape='["1"]'), "tensor 'w' to be"),
    case("a size with a leading zero", one(shape="[01]"), "tensor 'w' to be"),
    case("an empty place in a shape", one(shape="[1,,1]"), "tensor 'w' to be"),
    case("a comma after the last size", one(shape="[1,]"), "tensor 'w' to be"),
    case("nine axes", one(shape="[1,1,1,1,1,1,1,1,1]"), "at most 8 sizes"),
    case(
        "a size of a hundred thousand digits", one(shape=f"[{'9' * 100_000}]"), "tensor 'w' to be"
    ),
    case(
        "sizes whose product wraps to one", one(shape="[4294967296,4294967296]"), "takes 73,786,9"
    ),
    case("sizes whose bytes wrap to four", one(shape="[4611686018427387905]"), "takes 18,446,744"),
    case(
        "a size of zero that hides an overflow",
        one(shape="[0,4611686018427387904,4611686018427387904]", offsets="[0,0]", data=b""),
        "is too large",
        13,
    ),
    case(
        "a tensor larger than its offsets", one(shape="[2]"), "[2] takes 8 bytes, but its data_off"
    ),
    case(
        "a tensor smaller than its offsets", one(shape="[0]"), "[0] takes 0 bytes, but its data_off"
    ),
    case("one offset", one(offsets="[4]"), "tensor 'w' to be"),
    case("three offsets", one(offsets="[0,4,4]"), "tensor 'w' to be"),
    case("offsets in an object", one(offsets='{"0":4}'), "tensor 'w' to be"),
    case("offsets that run backwards", one(offsets="[4,0]"), "data_offsets are [4, 0]"),
    case("a negative offset", one(offsets="[-4,0]"), "tensor 'w' to be"),
    case("a fraction as offset", one(offsets="[0,4.0]"), "tensor 'w' to be"),
    case("true as offset", one(offsets="[false,4]"), "tensor 'w' to be"),
]

LAYOUT = [
    case("data that is cut short", one(data=bytes(3)), "take 4 bytes, 3 are here", 65),
    case("data that is absent", one(data=b""), "take 4 bytes, 0 are here", 62),
    case("a byte after the last tensor", one(data=bytes(5)), "1 bytes follow the last tensor", 66),
    case("data without any tensor", file_of("{}", b"MZ"), "2 bytes follow the last tensor", 10),
    case("a gap before the first tensor", one(offsets="[4,8]", data=bytes(8)), "follows a gap", 66),
    case("a gap between two tensors", two("[0,4]", "[8,12]", bytes(12)), "begins at 8, not 4"),
    case("two tensors in the same place", two("[0,4]", "[0,4]"), "tensor 'b': its data overlaps"),
    case(
        "two tensors that overlap in part", two("[0,4]", "[2,6]"), "overlaps the tensor before it"
    ),
    case("offsets beyond the file", two("[0,4]", "[1000000,1000004]"), "follows a gap"),
    case("offsets near 2^64", two("[0,4]", "[18446744073709551612,18446744073709551616]"), "gap"),
    case(
        "an empty tensor in the middle of another",
        file_of(f'{{"a":{entry()},"e":{entry(shape="[0]", offsets="[2,2]")}}}', F4),
        "tensor 'e': its data overlaps the tensor before it: it begins at 2, not 4",
    ),
    case(
        "an empty tensor beyond the data",
        file_of(f'{{"a":{entry()},"e":{entry(shape="[0]", offsets="[8,8]")}}}', F4),
        "tensor 'e': its data follows a gap",
    ),
]

HOSTILE = LENGTHS + JSON + NAMES + METADATA + ENTRIES + LAYOUT


@pytest.mark.parametrize("content, fact, offset", HOSTILE)
def test_a_hostile_file_is_refused(
    tmp_path: Path, content: bytes, fact: str, offset: int | None
) -> None:
    path = tmp_path / "hostile.safetensors"
    path.write_bytes(content)
    with pytest.raises(FormatError) as caught:
        load_file(path)
    message = str(caught.value)
    assert fact in message
    assert message.startswith(f"{path}: ")
    assert caught.value.path == path
    if offset is not None:
        assert caught.value.offset == offset
    assert caught.value.fact.isprintable()
    assert len(caught.value.fact) < len(str(path)) + 300
    path.unlink()  # nothing holds the file any more, which Windows would not forgive


@pytest.mark.parametrize("content, fact, offset", HOSTILE)
def test_hostile_bytes_are_refused_in_memory_as_well(
    content: bytes, fact: str, offset: int | None
) -> None:
    with pytest.raises(FormatError) as caught:
        load_bytes(content)
    if content:
        assert fact in str(caught.value)
    assert caught.value.path is None


def test_the_table_has_as_many_hostile_files_as_was_promised() -> None:
    assert len({param.id for param in HOSTILE}) == len(HOSTILE) >= 52


@pytest.mark.parametrize("value", [2, 255])
def test_a_bool_that_is_neither_0_nor_1_is_refused_when_it_is_asked_for(value: int) -> None:
    content = one(dtype='"BOOL"', shape="[4]", data=bytes([0, 1, value, 1]))
    with pytest.raises(FormatError, match=f"a BOOL is {value}, neither 0 nor 1") as caught:
        load_bytes(content).tensor("w")
    assert caught.value.offset == len(content) - 2


# --- what is unusual and right is read ---


def w_of(content: bytes) -> StoredTensor:
    return load_bytes(content).tensor("w")


ONE_HALF = np.float32(0.5).tobytes()


@pytest.mark.parametrize(
    "content",
    [
        one(data=ONE_HALF),
        file_of('{"w":{"data_offsets":[0,4],"dtype":"F32","shape":[1]}}', ONE_HALF),
        file_of(
            '{ "w" :\n\t{ "dtype" : "F32" , "shape" : [ 1 ] ,\r\n"data_offsets" : [ 0 , 4 ] } }',
            ONE_HALF,
        ),
        file_of(json.dumps({"w": json.loads(entry())}, indent=2), ONE_HALF),
        file_of(f'{{"\\u0077":{entry()}}}', ONE_HALF),
        file_of(f'{{"w":{entry()}}}' + " " * 1000, ONE_HALF),
        file_of(f'{{"__metadata__":{{}},"w":{entry()}}}', ONE_HALF),
        file_of(f'{{"w":{entry()},"__metadata__":{{"a":"\\u0000\\n"}}}}', ONE_HALF),
        file_of(f'{{"b":{entry(offsets="[4,8]")},"w":{entry()}}}', ONE_HALF + F4),
        file_of(f'{{"e":{entry(shape="[0,9]", offsets="[0,0]")},"w":{entry()}}}', ONE_HALF),
        file_of(f'{{"w":{entry()},"e":{entry(shape="[0]", offsets="[4,4]")}}}', ONE_HALF),
        file_of(
            f'{{"w":{entry()},"../../{"é" * 509}":{entry(shape="[0]", offsets="[4,4]")}}}', ONE_HALF
        ),
    ],
    ids=[
        "one tensor",
        "fields in another order",
        "white space everywhere",
        "JSON with line breaks",
        "an escape in a name",
        "spaces after the header",
        "metadata with nothing in it",
        "metadata at the end, with control characters in a text",
        "tensors in another order than their data",
        "an empty tensor at the beginning",
        "an empty tensor at the end",
        "a name of exactly 1024 bytes",
    ],
)
def test_an_unusual_file_within_the_rules_is_read(content: bytes) -> None:
    np.testing.assert_array_equal(w_of(content).array, np.array([0.5], np.float32))


def test_eight_axes_are_read() -> None:
    assert w_of(one(shape="[1,1,1,1,1,1,1,1]")).shape == (1,) * 8


def test_no_axes_are_one_element() -> None:
    tensor = w_of(one(shape="[]", data=ONE_HALF))
    assert tensor.shape == ()
    assert tensor.array == 0.5


def test_a_file_without_tensors_is_read() -> None:
    file = load_bytes(file_of("{}"))
    assert (file.names, file.metadata) == ((), {})


@pytest.mark.parametrize("shift", range(1, 8))
@pytest.mark.parametrize("dtype", ["F64", "F32", "U16"])
def test_data_that_is_not_aligned_is_read_right_and_handed_out_aligned(
    tmp_path: Path, dtype: str, shift: int
) -> None:
    values = np.arange(5, dtype={"F64": "<f8", "F32": "<f4", "U16": "<u2"}[dtype])
    fields = entry(dtype=f'"{dtype}"', shape="[5]", offsets=f"[0,{values.nbytes}]")
    header = f'{{"w":{fields}}}'
    header += " " * (-len(header) % 8 + shift)
    (tmp_path / "a").write_bytes(file_of(header, values.tobytes()))
    array = load_file(tmp_path / "a").tensor("w").array
    np.testing.assert_array_equal(array, values)
    assert array.flags.aligned
    assert not array.flags.writeable


def test_a_hundred_thousand_tensors_are_read_and_one_more_is_refused() -> None:
    entries = [f'"{n}":{entry(shape="[0]", offsets="[0,0]")}' for n in range(100_001)]
    assert len(load_bytes(file_of("{" + ",".join(entries[:-1]) + "}")).names) == 100_000
    with pytest.raises(FormatError, match="more than 100,000 tensors"):
        load_bytes(file_of("{" + ",".join(entries) + "}"))


def test_a_hundred_thousand_metadata_are_read_and_one_more_is_refused() -> None:
    entries = [f'"{n}":""' for n in range(100_001)]
    assert len(load_bytes(with_metadata("{" + ",".join(entries[:-1]) + "}")).metadata) == 100_000
    with pytest.raises(FormatError, match="more than 100,000 entries in __metadata__"):
        load_bytes(with_metadata("{" + ",".join(entries) + "}"))


def test_a_header_of_exactly_the_limit_is_read_and_one_byte_more_is_refused() -> None:
    assert load_bytes(file_of("{}" + " " * 98), max_header=100).names == ()
    with pytest.raises(FormatError, match=r"101 bytes, more than 100.*\n  hint: max_header=101 wo"):
        load_bytes(file_of("{}" + " " * 99), max_header=100)
