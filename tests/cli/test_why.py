"""What decided is drawn as bars of the strongest words, and as words in colours."""

import io

from rich.console import Console

from rushlight.cli.coloured import print_words
from rushlight.cli.why import render_why
from rushlight.train.explain import Explanation, Reason

WORDS = tuple(Reason(f"word{i}", (-1.0) ** i * (20 - i), i != 3) for i in range(20))


def drawn(words, **options):
    return render_why(Explanation(tuple(words), (), 0.25), "spam", **options).splitlines()


def test_the_strongest_come_first_and_the_others_together():
    _, *lines = drawn(reversed(WORDS))
    names = [line.split()[0] for line in lines]
    assert names == [*[f"word{i}" for i in range(12)], "8", "the"]
    assert lines[12].split()[1:] == ["others", "+4.00"]
    assert lines[13].split()[-1] == "+0.25"


def test_bars_are_as_long_as_scores_are_large():
    _, first, second, *_ = drawn([Reason("a", -8.0), Reason("b", 2.0)], encoding="ascii")
    assert first.count("-") == 21  # and a sign
    assert second.count("+") == 6


def test_attention_has_a_column_where_there_is_any():
    title, line, *_ = drawn([Reason("a", 1.0, attention=0.5)])
    assert title.endswith("attention")
    assert line.endswith("50%")
    assert "attention" not in drawn([Reason("a", 1.0)])[0]


def test_what_a_terminal_might_obey_is_not_printed():
    lines = drawn([Reason("\x1b[31mred" + "x" * 100, 0.0)])
    assert "\x1b" not in "".join(lines)
    assert max(map(len, lines)) < 80


def test_words_are_coloured_by_how_much_they_decide():
    stream = io.StringIO()
    console = Console(file=stream, force_terminal=True, color_system="truecolor", width=80)
    print_words([Reason("free", 2.0), Reason("you", -1.0), Reason("a", 0.01, False)], console)
    free, you, a, _ = stream.getvalue().split("m ")
    assert free.endswith("48;2;200;90;0mfree\x1b[0")
    assert you.endswith("48;2;0;50;100myou\x1b[0")
    assert a.endswith("\x1b[4ma\x1b[0")
