"""Where errors are explained: `bind`, the `op` decorator, and how they find the user's line."""

import sys
from collections.abc import Callable
from typing import Any

import pytest

import rushlight as rl
from rushlight.core.bind import bind, bind_checked, op
from rushlight.core.primitive import PRIMITIVES
from rushlight.core.source import user_line


def raised(call: Callable[[], Any]) -> rl.RushlightError:
    with pytest.raises(rl.RushlightError) as caught:
        call()
    return caught.value


def this_line() -> int:
    return sys._getframe(1).f_lineno


def test_the_users_line_is_the_innermost_one_outside_of_the_package() -> None:
    x = rl.ones(2)
    error, line = raised(lambda: x + rl.ones(3)), this_line()
    assert error.source == f"test_bind.py:{line}"
    error, line = raised(lambda: x.softmax(axis=4)), this_line()
    assert error.source == f"test_bind.py:{line}"
    assert user_line() == f"test_bind.py:{this_line()}"


def test_a_composite_op_is_named_instead_of_the_primitive_inside_it() -> None:
    error = raised(lambda: rl.ones(2, 3).log_softmax(axis=2))
    assert str(error).splitlines()[:2] == [
        "log_softmax: axis 2 does not exist in 2 dimensions; axes are -2 to 1",
        "  x  float32 (2, 3)",
    ]


def test_operands_in_lists_and_index_tuples_are_named_with_their_position() -> None:
    error = raised(lambda: rl.concat([rl.ones(2, 3), rl.ones(3)]))
    assert error.operands == [("tensors 0", "float32 (2, 3)"), ("tensors 1", "float32 (3,)")]
    rows = rl.tensor([7])
    error = raised(lambda: rl.ones(2, 3)[rows, 0])
    assert error.operands == [("x", "float32 (2, 3)"), ("index 0", "int64 (1,)")]


def test_the_error_of_the_rule_comes_before_that_of_numpy() -> None:
    error = raised(lambda: bind(PRIMITIVES["add"], rl.ones(2), rl.ones(3)))
    assert error.fact == "sizes differ at axis -1: 2 and 3, and neither is 1"
    assert error.__cause__ is None
    assert error.__suppress_context__ or error.__context__ is None


def test_what_only_numpy_knows_is_told_in_its_words() -> None:
    error = raised(lambda: rl.tensor([2]) ** rl.tensor([-1]))
    assert error.op == "pow"
    assert "negative integer powers" in error.fact


def test_bind_checked_asks_the_rule_where_numpy_would_go_on() -> None:
    flags = rl.tensor([True, False])
    assert raised(lambda: bind_checked(PRIMITIVES["add"], flags, flags)).op == "add"
    assert bind_checked(PRIMITIVES["add"], rl.ones(1), rl.ones(1)).tolist() == [2.0]


def test_an_op_of_the_users_own_names_its_operands() -> None:
    @op
    def twice(number: Any, note: str = "") -> Any:
        raise rl.ShapeError("too long")

    error, line = raised(lambda: twice(rl.ones(2), note="x")), this_line()
    assert str(error) == (f"twice: too long\n  number  float32 (2,)\n  at test_bind.py:{line}")


@pytest.mark.parametrize(
    "call",
    [
        lambda: rl.ones(2) + "abc",
        lambda: "abc" * rl.ones(2),
        lambda: rl.ones(2) / None,
        lambda: rl.ones(2) == object(),
        lambda: rl.maximum([1.0, [2.0]], 1.0),
        lambda: rl.where(rl.ones(2) > 0.0, "a", rl.ones(2)),
        lambda: rl.ones(2) ** (1 + 2j),
        lambda: rl.ones(2) * 10**400,
        lambda: rl.ones(2, dtype="uint8") + 300,
        lambda: rl.ones(2) @ "abc",
        lambda: rl.concat([rl.ones(2), "abc"]),
        lambda: rl.zeros("ab"),
        lambda: rl.zeros(-2),
        lambda: rl.ones(2, dtype="float31"),
        lambda: rl.full((2,), "x"),
        lambda: rl.full((2,), 300, dtype="uint8"),
        lambda: rl.arange(0, 5, 0),
        lambda: rl.arange(0, float("nan")),
        lambda: rl.arange("a"),
        lambda: rl.eye(-1),
        lambda: rl.eye(2.5),
        lambda: rl.rand(-1),
        lambda: rl.randint(3, 3, (2,)),
    ],
)
def test_what_is_no_operand_is_refused_with_the_op_and_the_line(call: Callable[[], Any]) -> None:
    error = raised(call)
    assert error.op
    assert str(error.source).startswith("test_bind.py:")


def test_a_number_may_stand_on_either_side_or_both() -> None:
    assert rl.maximum(2.0, 3.0).tolist() == 3.0
    assert rl.maximum([1.0, 5.0], [2.0, 3.0]).tolist() == [2.0, 5.0]
    assert rl.where(True, 1, [2, 3]).tolist() == [1, 1]
