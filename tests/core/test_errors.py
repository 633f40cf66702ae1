import pytest

import rushlight as rl
from rushlight.core.errors import did_you_mean


def family() -> list[type[rl.RushlightError]]:
    return [rl.RushlightError, *rl.RushlightError.__subclasses__()]


def test_a_bare_fact_is_one_line() -> None:
    assert str(rl.RushlightError("sizes differ")) == "sizes differ"


def test_the_layout_is_op_fact_operands_place_and_hint() -> None:
    error = rl.ShapeError("sizes differ: 3 and 4", hint="use reshape")
    error.op = "add"
    error.operands = [("left", "float32 (3,)"), ("right", "float32 (4,)")]
    error.source = "train.py:41"
    error.module = "encoder.0"
    assert str(error).splitlines() == [
        "add: sizes differ: 3 and 4",
        "  left   float32 (3,)",
        "  right  float32 (4,)",
        "  at train.py:41, in encoder.0",
        "  hint: use reshape",
    ]


def test_a_place_may_be_only_a_line_or_only_a_layer() -> None:
    error = rl.RushlightError("wrong")
    error.source = "train.py:41"
    assert str(error).splitlines() == ["wrong", "  at train.py:41"]
    error.source, error.module = None, "encoder"
    assert str(error).splitlines() == ["wrong", "  in encoder"]


@pytest.mark.parametrize("kind", family(), ids=lambda kind: kind.__name__)
def test_every_kind_is_public_and_named_as_users_write_it(kind: type[rl.RushlightError]) -> None:
    assert getattr(rl, kind.__name__) is kind
    assert kind.__module__ == "rushlight"


@pytest.mark.parametrize(
    ("kind", "builtin"),
    [
        (rl.ShapeError, ValueError),
        (rl.DTypeError, TypeError),
        (rl.BoundsError, IndexError),
        (rl.DeviceError, ValueError),
        (rl.GradientError, RuntimeError),
        (rl.TraceError, RuntimeError),
        (rl.AnomalyError, ArithmeticError),
        (rl.FormatError, ValueError),
        (rl.UsageError, ValueError),
    ],
)
def test_each_kind_is_caught_by_the_builtin_that_it_resembles(
    kind: type[rl.RushlightError], builtin: type[Exception]
) -> None:
    assert issubclass(kind, builtin)


def test_a_format_error_says_which_file_and_byte() -> None:
    error = rl.FormatError("cut short", path="a.png", offset=0, hint="download it again")
    assert str(error) == "a.png: cut short (at byte 0)\n  hint: download it again"
    assert str(rl.FormatError("cut short")) == "cut short"


def test_hints_name_the_nearest_word_or_a_few_or_nothing() -> None:
    assert did_you_mean("digit", ["spam", "digits"]) == "did you mean digits?"
    assert did_you_mean("zebra", ["b", "a"]) == "choose one of a, b"
    assert did_you_mean("zebra", map(str, range(21))) is None
    assert did_you_mean("zebra", []) is None
