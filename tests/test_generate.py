"""The generated files are those that the registry gives, and a changed registry is noticed."""

import ast
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import rushlight as rl
from rushlight.core.primitive import METHODS
from rushlight.ops.functions import FUNCTIONS as FUNCTIONS_OF_REGISTRY
from rushlight.tensor import Tensor
from rushlight.testing.compare import assert_identical

ROOT = Path(__file__).parent.parent
STUB = Path("rushlight/ops/methods.pyi")
FUNCTIONS = Path("rushlight/ops/functions.pyi")
TABLE = Path("docs/ops.md")

NEW_PRIMITIVE = """
curve = unary(
    "curve",
    numpy=lambda x: x / (1 + np.abs(x)),
    c="{x} / (1 + fabs({x}))",
    vjp=lambda g, _y, x: g / (1.0 + abs(x)) ** 2.0,
    onnx="Softsign",
    doc="Return x / (1 + |x|).",
)
"""
NEW_STUB = '''
    def curve(self) -> Tensor:
        """Return x / (1 + |x|)."""
'''
NEW_FUNCTION = '''
def curve(x: Operand) -> Tensor:
    """Return x / (1 + |x|)."""
'''
NEW_ROW = (
    r"| `curve` | Return x / (1 + \|x\|). | `x.curve()`, `rl.curve()` | yes | Softsign "
    "| `{x} / (1 + fabs({x}))` |"
)


def generate(root: Path, *options: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "scripts/generate.py", *options]
    return subprocess.run(command, cwd=root, capture_output=True, text=True)


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A copy of what the script reads and writes."""
    ignored = shutil.ignore_patterns("__pycache__")
    shutil.copytree(ROOT / "rushlight", tmp_path / "rushlight", ignore=ignored)
    for file in ("scripts/generate.py", TABLE):
        (tmp_path / file).parent.mkdir(exist_ok=True)
        shutil.copy(ROOT / file, tmp_path / file)
    return tmp_path


def test_the_generated_files_are_fresh() -> None:
    done = generate(ROOT, "--check")
    assert (done.returncode, done.stderr) == (0, "")


def test_the_stub_has_every_method_of_the_registry_and_no_other() -> None:
    (stub,) = [
        statement
        for statement in ast.parse((ROOT / STUB).read_text(encoding="utf-8")).body
        if isinstance(statement, ast.ClassDef)
    ]
    methods = [one.name for one in stub.body if isinstance(one, ast.FunctionDef)]
    assert sorted(methods) == sorted(METHODS)
    assert all(callable(getattr(Tensor, name)) for name in methods)


def test_a_primitive_that_is_entered_makes_the_files_stale_until_they_are_written_anew(
    checkout: Path,
) -> None:
    with (checkout / "rushlight/ops/elementwise.py").open("a", encoding="utf-8") as file:
        file.write(NEW_PRIMITIVE)

    check = generate(checkout, "--check")
    assert check.returncode == 1
    stale = [line.partition(" is stale")[0] for line in check.stderr.splitlines()]
    assert stale == [STUB.as_posix(), FUNCTIONS.as_posix(), TABLE.as_posix()]
    assert "curve" not in (checkout / STUB).read_text(encoding="utf-8")

    written = generate(checkout)
    assert written.returncode == 0
    assert NEW_STUB in (checkout / STUB).read_text(encoding="utf-8")
    assert NEW_FUNCTION in (checkout / FUNCTIONS).read_text(encoding="utf-8")
    assert NEW_ROW in (checkout / TABLE).read_text(encoding="utf-8")
    assert generate(checkout, "--check").returncode == 0


def test_a_file_that_was_edited_by_hand_is_stale(checkout: Path) -> None:
    with (checkout / TABLE).open("a", encoding="utf-8") as file:
        file.write("one more line\n")
    check = generate(checkout, "--check")
    assert check.returncode == 1
    assert check.stderr.splitlines() == [
        f"{TABLE.as_posix()} is stale: `make docs-generated` writes it anew"
    ]


@pytest.mark.parametrize("file", [STUB, FUNCTIONS], ids=str)
def test_a_file_that_is_missing_is_stale(checkout: Path, file: Path) -> None:
    (checkout / file).unlink()
    assert generate(checkout, "--check").returncode == 1
    assert generate(checkout).returncode == 0
    assert (checkout / file).read_bytes() == (ROOT / file).read_bytes()


def test_every_pointwise_method_is_a_function_of_the_package() -> None:
    x = rl.tensor([0.5, 0.25])
    for name in ("exp", "erf", "round", "abs", "isnan", "clip"):
        assert_identical(getattr(rl, name)(x), getattr(x, name)())
    assert set(FUNCTIONS_OF_REGISTRY) < set(rl.__all__)
    assert "__add__" not in rl.__all__
    assert "bits_to_uniform" not in rl.__all__
