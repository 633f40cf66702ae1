"""What people see while a model trains."""

import io
import os
import re
import select
import subprocess
import sys
import time
from pathlib import Path

import pytest
from rich.console import Console

import rushlight as rl
from rushlight.train.bar import Bar
from rushlight.train.progress import MOST_LINES, interval
from rushlight.train.tally import Tally

SCRIPT = Path(__file__).with_name("small_training.py")

LOSS = r"loss \d+\.\d{4}"
ACCURACY = r"accuracy \d{1,3}\.\d\d%"
TIME = r"(\d+(\.\d\d)? ms|\d+\.\d s)"


def test_an_epoch_is_a_line_where_there_is_no_terminal(make_problem, capsys):
    make_problem().fit(12, progress=True)
    output, errors = capsys.readouterr()
    assert output == ""
    lines = errors.splitlines()
    assert len(lines) == 12
    for number, line in enumerate(lines, start=1):
        pattern = f"epoch {number:>2}/12  {LOSS}  {ACCURACY}  val {LOSS}  val {ACCURACY}  {TIME}"
        assert re.fullmatch(pattern, line), line


def test_the_lines_say_what_the_history_says(make_problem, capsys):
    history = make_problem().fit(3, progress=True, validation=None)
    assert capsys.readouterr().err == f"{history}\n"


def test_many_quick_epochs_are_few_lines(make_problem, capsys):
    make_problem().fit(95, progress=True, validation=None)
    numbers = [line.split("/")[0] for line in capsys.readouterr().err.splitlines()]
    wanted = [1, *range(5, 96, 5)]
    assert numbers == [f"epoch {number:>2}" for number in wanted]


def test_the_last_epoch_has_a_line_in_any_case(make_problem, capsys):
    make_problem().fit(500, progress=True, on_epoch=lambda history: len(history) == 23)
    numbers = [line.split()[1] for line in capsys.readouterr().err.splitlines()]
    assert numbers == ["1/500", "20/500", "23/500"]


@pytest.mark.parametrize("epochs", [1, 2, 29, 30, 31, 60, 61, 300, 1000, 12345, 10**9])
def test_there_are_never_too_many_lines(epochs):
    every = interval(epochs)
    assert epochs / every <= MOST_LINES
    assert str(every).strip("0") in ("1", "2", "5")
    assert every == 1 or epochs / every > MOST_LINES / 2.5


def test_early_stopping_is_said(make_problem, capsys):
    def learns_nothing(parameters):
        return rl.optim.SGD(parameters, lr=0.0)

    def one_layer():
        return [rl.nn.Linear(6, 3)]

    make_problem(one_layer, learns_nothing).fit(50, progress=True, patience=3)
    lines = capsys.readouterr().err.splitlines()
    assert lines[-2].startswith("epoch  4/50")
    assert lines[-1] == "stopped early: epoch 1 is still the best"


def test_a_resume_is_said(make_problem, capsys, tmp_path):
    make_problem().fit(2, checkpoint=tmp_path)
    make_problem().fit(3, checkpoint=tmp_path, resume=True, progress=True)
    lines = capsys.readouterr().err.splitlines()
    assert lines[0] == f"going on after epoch 2 from {tmp_path}"
    assert lines[1].startswith("epoch 3/3")


def test_nothing_is_shown_where_nothing_is_wanted(make_problem, capsys, tmp_path):
    problem = make_problem()
    problem.fit(2, checkpoint=tmp_path, progress=False)
    problem.fit(3, checkpoint=tmp_path, resume=True, progress=False, patience=1)
    assert capsys.readouterr() == ("", "")


def test_without_a_terminal_the_bar_is_not_even_imported(tmp_path):
    code = (
        "import runpy, sys; sys.argv = ['', sys.argv[2], '0'];"
        f"runpy.run_path({str(SCRIPT)!r}, run_name='__main__');"
        "sys.exit(any(name.split('.')[0] == 'rich' for name in sys.modules))"
    )
    command = [sys.executable, "-c", code, "", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stderr.startswith("epoch 1/6  loss ")


def run_in_terminal(folder, **environment):
    """Return what the small training wrote to its standard output, and to a terminal of its own."""
    pty = pytest.importorskip("pty", reason="this system has no pseudo-terminals")
    leader, terminal = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, str(SCRIPT), str(folder), "0.004"],
        stdout=subprocess.PIPE,
        stderr=terminal,
        text=True,
        env={**os.environ, "COLUMNS": "100", **environment},
    )
    os.close(terminal)
    shown = read_all(leader)
    os.close(leader)
    output, _ = process.communicate(timeout=60)
    assert process.returncode == 0, shown
    return output, shown


def read_all(leader):
    shown = b""
    end = time.monotonic() + 60
    while time.monotonic() < end and select.select([leader], [], [], 60)[0]:
        try:
            part = os.read(leader, 65536)
        except OSError:  # Linux says so when the last writer has gone
            break
        if not part:
            break
        shown += part
    return shown.decode()


def test_a_terminal_shows_a_bar_below_the_lines(tmp_path):
    output, shown = run_in_terminal(tmp_path, TERM="xterm-256color")
    assert output.startswith("0.weight ")
    plain = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", shown)
    bar = rf"epoch \d/6 +\S+ +{LOSS}  {ACCURACY}  [\d,]+ samples/s  \S+( s| ms)? left"
    assert len(re.findall(bar, plain)) >= 3
    for number in range(1, 7):
        assert re.search(rf"epoch {number}/6  {LOSS}  {ACCURACY}  {TIME}\r?\n", plain)
    assert "\x1b[?25l" in shown  # the cursor is hidden while the bar moves,
    assert shown.rindex("\x1b[?25h") > shown.rindex("\x1b[?25l")  # and comes back


def test_a_terminal_that_cannot_move_its_cursor_gets_lines(tmp_path):
    _, shown = run_in_terminal(tmp_path, TERM="dumb")
    assert "\x1b" not in shown
    begins = [line[:9] for line in shown.splitlines()]
    assert begins == [f"epoch {number}/6" for number in range(1, 7)]


def test_the_pace_is_that_of_the_training_so_far_without_what_was_compiled():
    written = io.StringIO()
    bar = Bar(4, Console(file=written, force_terminal=True, width=120))
    tally = Tally()
    bar.begin(1, 2, tally)
    began = time.perf_counter()
    bar.note("compiled in 9.0 s")
    tally.add(0.5, rl.zeros(32, 2), rl.zeros(32, dtype="int64"))
    tally.add(0.5, rl.zeros(32, 2), rl.zeros(32, dtype="int64"))
    bar.update(tally, began + 10.0)
    tally = Tally()
    bar.begin(2, 2, tally)
    tally.add(0.5, rl.zeros(32, 2), rl.zeros(32, dtype="int64"))
    bar.update(tally, began + 15.0)  # the epoch began just now, as far as the bar was told
    bar.close()
    paces = re.findall(r"(\S+) samples/s  (\S+) s left", written.getvalue())
    assert set(paces) == {("6", "30.0"), ("6", "25.0")}
