"""What the documentation shows is what happens: every Python block runs and prints what it says."""

import contextlib
import doctest
import io
import re
from pathlib import Path
from typing import Any

import pytest

from rushlight import random
from rushlight.cli.train import run as train
from rushlight.recipes import recipes
from tests.test_architecture import ROWS

ROOT = Path(__file__).parent.parent.parent
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
PYTHON, SHELL, PROSE = "```python", "```sh", ""

LINK = re.compile(r"\]\(([^)#\s]+)(#[^)\s]*)?\)")
TRAIN = re.compile(r"^(?:uv run )?rushlight train ([a-z-]+)(.*)$", re.MULTILINE)
OPTION = re.compile(r"--[a-z-]+")


def parts(page: Path, wanted: str) -> str:
    """The blocks of a page that begin with `wanted`, or its prose; lines keep their numbers."""
    lines, block = [], PROSE
    for line in page.read_text(encoding="utf-8").splitlines():
        fence = line.startswith("```")
        lines.append(line if block == wanted and not fence else "")
        if fence:
            block = line if block == PROSE else PROSE
    return "\n".join(lines)


def examples(page: Path) -> doctest.DocTest:
    """The Python blocks of a page as one program."""
    text = parts(page, PYTHON)
    return doctest.DocTestParser().get_doctest(text, {}, page.stem, str(page), 0)


def failures(page: Path) -> str:
    """What differs between a page and what its examples print, as doctest reports it."""
    report = io.StringIO()
    runner = doctest.DocTestRunner(verbose=False, optionflags=doctest.ELLIPSIS)
    runner.run(examples(page), out=report.write)
    return report.getvalue()


@pytest.fixture
def unseeded() -> Any:
    """Gives the default random generator its state back, whatever an example seeds."""
    before = random.default_generator.state.numpy().copy()
    yield
    random.default_generator.state.assign(before)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_the_examples_of_a_page_print_what_it_says(
    page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, unseeded: None
) -> None:
    monkeypatch.chdir(tmp_path)  # where examples may write files
    assert failures(page) == ""


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_python_block_of_a_page_is_run(page: Path) -> None:
    blocks = re.split(r"\n{2,}", parts(page, PYTHON).strip("\n"))
    assert [block for block in blocks if block and not block.startswith(">>> ")] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_what_a_page_links_to_exists(page: Path) -> None:
    inside = [target for target, _ in LINK.findall(parts(page, PROSE)) if "://" not in target]
    assert [target for target in inside if not (page.parent / target).exists()] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_the_training_commands_of_a_page_exist_with_their_options(page: Path) -> None:
    for name, rest in TRAIN.findall(parts(page, SHELL)):
        shown = io.StringIO()
        with contextlib.redirect_stdout(shown), pytest.raises(SystemExit):
            train([name, "--help"])
        known = OPTION.findall(shown.getvalue())
        assert [option for option in OPTION.findall(rest) if option not in known] == []


def test_the_page_of_recipes_has_a_command_for_each() -> None:
    commands = TRAIN.findall(parts(ROOT / "docs/recipes.md", SHELL))
    assert {name for name, _ in commands} == set(recipes())


def test_the_page_of_the_architecture_has_the_table_that_the_imports_are_held_to() -> None:
    table = parts(ROOT / "docs/architecture.md", PROSE).partition("| row |")[2].partition("\n\n")[0]
    cells = [line.split("|")[1] for line in table.splitlines()[2:]]
    assert [re.findall(r"`(\w+)`", cell) for cell in cells] == ROWS


def test_an_example_that_prints_something_else_is_reported_with_its_line(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(
        "Prose.\n\n```python\n>>> 1 + 1\n2\n```\n\n"
        "```sh\n>>> not Python\n```\n\n```python\n>>> x = 3\n>>> x\n4\n```\n"
    )
    report = failures(page)
    assert 'page.md", line 14' in report
    assert "Expected:\n    4\nGot:\n    3\n" in report
    assert report.count("Failed example") == 1
