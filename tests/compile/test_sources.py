"""The C of the runtime comes as one text that needs no other file."""

from pathlib import Path

import pytest

from rushlight.compile import sources
from rushlight.compile.sources import runtime

FOLDER = Path(sources.__file__).parent / "runtime"
FILES = sorted(path.name for path in FOLDER.glob("*.[ch]"))


@pytest.mark.parametrize("name", FILES)
def test_each_file_compiles_alone_without_a_warning(compiled, name):
    assert compiled("extern int rl_nothing;\n", name).stat().st_size > 0


@pytest.mark.parametrize("name", FILES)
def test_no_local_include_is_left_and_system_includes_are(name):
    text = runtime(name)
    assert '#include "' not in text
    wanted = [line for line in (FOLDER / name).read_text().splitlines() if "#include <" in line]
    assert [line for line in wanted if line not in text] == []


def test_each_file_comes_once_and_before_those_that_include_it():
    text = runtime("threads.c", "drive.c", "rushlight.h")
    marks = ["#define RUSHLIGHT_H\n", "#define RUSHLIGHT_BARRIER_H\n", " rl_pool_run(int threads"]
    marks += ["#define RUSHLIGHT_DRIVE_H\n", " rl_drive_run(const rl_drive *drive)\n{"]
    assert [text.count(mark) for mark in marks] == [1] * len(marks)
    places = [text.index(mark) for mark in marks]
    assert places == sorted(places)


@pytest.mark.parametrize("name", ["nosuch.h", "nosuch/rushlight.h"])
def test_a_file_that_is_not_there_is_named(name):
    with pytest.raises(FileNotFoundError, match=f"the runtime has no file {name}"):
        runtime(name)
