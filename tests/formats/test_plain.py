"""JSON is read strictly, and what was written is read again exactly."""

import json
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rushlight.core.errors import FormatError, ModuleError
from rushlight.formats.plain import (
    MAX_DEPTH,
    brief,
    check_plain,
    decode,
    encode,
    fields,
    read_json,
    read_object,
    write_json,
)

LEAVES = (
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"]))
)
TREES = st.recursive(
    LEAVES,
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=3), inner, max_size=4)
    ),
    max_leaves=20,
)


@given(TREES)
def test_plain_values_come_back_exactly(value: Any) -> None:
    check_plain(value, "task")
    assert repr(read_json(write_json(value), "task")) == repr(value)


@given(
    st.recursive(LEAVES | st.floats(), lambda x: st.tuples(x, x) | st.dictionaries(st.text(), x))
)
def test_encoded_values_come_back_exactly(value: Any) -> None:
    written = write_json(encode(value, "x"))
    assert repr(decode(read_json(written, "x"), "x")) == repr(value)


@given(st.text(st.sampled_from('[]{}",:0123456789eE.-+tfnul \\ud8\n'), max_size=40))
def test_what_is_read_is_what_the_standard_library_reads(text: str) -> None:
    try:
        got = read_json(text, "x")
    except FormatError:
        return
    assert repr(got) == repr(json.loads(text))


def test_the_greatest_depth_is_read_and_one_more_is_not() -> None:
    read_json("[" * MAX_DEPTH + "]" * MAX_DEPTH, "x")
    with pytest.raises(FormatError, match="x: more than 100 levels deep"):
        read_json("[" * (MAX_DEPTH + 1) + "]" * (MAX_DEPTH + 1), "x")


def test_what_may_be_written_may_be_read() -> None:
    value: Any = 1
    for _ in range(MAX_DEPTH - 1):
        value = [value]
    check_plain(value, "x")
    assert read_json(write_json(value), "x") == value


def test_an_object_is_asked_for() -> None:
    assert read_object('{"a": 1}', "x") == {"a": 1}
    with pytest.raises(FormatError, match="x: None is no object"):
        read_object("null", "x")


def test_negative_zero_and_infinities_are_kept() -> None:
    for value in (-0.0, math.inf, -math.inf, math.nan):
        assert repr(decode(read_json(write_json(encode(value, "x")), "x"), "x")) == repr(value)


def test_a_value_of_no_known_kind_is_named_with_its_place() -> None:
    with pytest.raises(ModuleError, match=r"x\[0\]\['a'\] is an object, which a model file cannot"):
        encode([{"a": object()}], "x")


def test_fields_must_be_those_named() -> None:
    with pytest.raises(FormatError, match="x: b is missing"):
        fields({"a": 1}, "x", "a", "b")
    with pytest.raises(FormatError, match="did you mean inputs"):
        fields({"inputs": 1, "input": 2}, "x", "inputs")


def test_values_are_shown_short_and_harmless() -> None:
    assert brief("a\x1b[2J\u202e") == "'a\\x1b[2J\\u202e'"
    assert len(brief("x" * 1000)) == 43
