"""The shape of the house: who may import whom, how long things may grow, what is not done here."""

import ast
import re
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

# A package may import those in the rows above it, and those to its left in its own row.
ROWS = [
    ["_version", "core"],
    ["ops"],
    ["autograd", "tensor", "tree", "creation", "random", "transforms", "recompute", "batching"],
    ["graph"],
    ["compile"],
    ["nn"],
    ["models"],
    ["formats"],
    ["optim", "data", "train", "predictor"],
    ["quantize", "export"],
    ["llm", "recipes"],
    ["serve", "cli"],
]
ORDER = [package for row in ROWS for package in row]
FRONT = ["__init__", "__main__"]  # rushlight/__init__.py, rushlight/__main__.py: may import any
PROGRAMS = ["recipes"]  # written as a user would: they may `import rushlight as rl`
TESTING_MAY_IMPORT = ORDER[: ORDER.index("nn")]
OPTIONAL_IN = ORDER[ORDER.index("formats") :]

REQUIRED = ["numpy", "platformdirs", "rich"]
OPTIONAL = ["PIL", "matplotlib", "polars", "ziglang"]

MODULE = re.compile(r"rushlight(\.\w+)+")

FILE_LINES = 600
FUNCTION_LINES = 60

ROOT = Path(__file__).parent.parent
SOURCES = ["rushlight", "tests", "scripts", "benchmarks", "examples", "docs"]


@dataclass
class Source:
    """One file: its path from the root, its text and, where it is Python, its syntax tree."""

    path: Path
    text: str
    tree: ast.Module

    @property
    def in_package(self) -> bool:
        return self.path.parts[0] == "rushlight"

    @property
    def package(self) -> str:
        return Path(self.path.parts[1]).stem


@dataclass
class Import:
    line: int
    target: str  # "rushlight.core.errors", "numpy"; ".errors" when relative
    in_function: bool

    @property
    def first(self) -> str:
        return self.target.partition(".")[0]

    @property
    def package(self) -> str:
        return self.target.split(".")[1]


Finding = tuple[int, str]
FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)


def sources(root: Path) -> Iterator[Source]:
    for folder in SOURCES:
        for path in sorted((root / folder).rglob("*")):
            if path.suffix not in (".py", ".c", ".h") or "golden" in path.parts:
                continue
            text = path.read_text(encoding="utf-8")
            tree = ast.parse(text if path.suffix == ".py" else "")
            yield Source(path.relative_to(root), text, tree)


def imports(node: ast.AST, in_function: bool = False) -> Iterator[Import]:
    """The import statements, and the modules named in arguments, as lazy imports name them."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.Import):
            for alias in child.names:
                yield Import(child.lineno, alias.name, in_function)
        elif isinstance(child, ast.ImportFrom):
            target = "." * child.level + (child.module or "")
            yield Import(child.lineno, target, in_function)
        else:
            if isinstance(child, ast.Call):
                yield from named_modules(child)
            yield from imports(child, in_function or isinstance(child, FUNCTIONS))


def named_modules(call: ast.Call) -> Iterator[Import]:
    for argument in call.args:
        if isinstance(argument, ast.Constant) and MODULE.fullmatch(str(argument.value)):
            yield Import(call.lineno, str(argument.value), in_function=False)


def import_direction(source: Source) -> Iterator[Finding]:
    """Imports inside rushlight/ are absolute, name a package, and go up the table."""
    if not source.in_package:
        return
    if source.package not in [*ORDER, *FRONT, "testing"]:
        yield 1, f"{source.package} is in no row of the table"
        return
    for item in imports(source.tree):
        if item.first == "":
            yield item.line, f"relative import of {item.target}"
        elif item.target == "rushlight" and source.package not in PROGRAMS:
            yield item.line, "imports the bare rushlight; name the package inside it"
        elif item.target.startswith("rushlight.") and not may_import(source.package, item.package):
            yield item.line, f"{source.package} may not import {item.package}"


def may_import(package: str, other: str) -> bool:
    if other == "testing":
        return package == "testing"
    if package in FRONT:
        return other in ORDER
    if package == "testing":
        return other in TESTING_MAY_IMPORT
    return other in ORDER and ORDER.index(other) <= ORDER.index(package)


def file_size(source: Source) -> Iterator[Finding]:
    """A file has at most 600 lines."""
    lines = len(source.text.splitlines())
    if lines > FILE_LINES:
        yield lines, f"{lines} lines; {FILE_LINES} at most"


def function_size(source: Source) -> Iterator[Finding]:
    """A function has at most 60 lines, its docstring among them."""
    for node in ast.walk(source.tree):
        if isinstance(node, FUNCTIONS):
            lines = (node.end_lineno or node.lineno) - node.lineno + 1
            if lines > FUNCTION_LINES:
                yield node.lineno, f"{node.name} has {lines} lines; {FUNCTION_LINES} at most"


def function_level_imports(source: Source) -> Iterator[Finding]:
    """Only optional dependencies are imported in functions; what is lazy goes through core/lazy."""
    if not source.in_package or source.path == Path("rushlight/core/lazy.py"):
        return
    for item in imports(source.tree):
        if item.in_function and not (item.first in OPTIONAL and source.package in OPTIONAL_IN):
            yield item.line, f"imports {item.target} inside a function"
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Call) and called(node) in ("__import__", "import_module"):
            yield node.lineno, f"calls {called(node)}; laziness goes through core/lazy.py"


def called(node: ast.Call) -> str:
    if isinstance(node.func, ast.Attribute):
        return node.func.attr
    return node.func.id if isinstance(node.func, ast.Name) else ""


def dependencies(source: Source) -> Iterator[Finding]:
    """A plain install is enough to import any module."""
    known = {"rushlight", "", *REQUIRED, *sys.stdlib_module_names}
    if not source.in_package:
        return
    for item in imports(source.tree):
        if item.first not in known and not item.in_function:
            yield item.line, f"imports {item.target}, which a plain install does not bring"


def environment(source: Source) -> Iterator[Finding]:
    """Only core/config.py reads environment variables."""
    if not source.in_package or source.path == Path("rushlight/core/config.py"):
        return
    readers = ("environ", "environb", "getenv", "getenvb")
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Attribute) and node.attr in readers:
            yield node.lineno, f"{node.attr} outside core/config.py"
        if isinstance(node, ast.ImportFrom) and node.module == "os":
            for alias in node.names:
                if alias.name in readers:
                    yield node.lineno, f"{alias.name} outside core/config.py"


def assertions(source: Source) -> Iterator[Finding]:
    """`assert` vanishes under -O and explains nothing, so the package raises instead."""
    if source.in_package:
        for node in ast.walk(source.tree):
            if isinstance(node, ast.Assert):
                yield node.lineno, "assert statement"


Rule = Callable[[Source], Iterator[Finding]]
RULES: list[Rule] = [
    import_direction,
    file_size,
    function_size,
    function_level_imports,
    dependencies,
    environment,
    assertions,
]


def report(root: Path, *rules: Rule) -> list[str]:
    return [
        f"{source.path.as_posix()}:{line}: {what}"
        for source in sources(root)
        for rule in rules
        for line, what in rule(source)
    ]


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_the_project_keeps_the_rule(rule: Rule) -> None:
    assert report(ROOT, rule) == []


def test_the_rules_see_the_package_and_the_tests() -> None:
    seen = [source.path.as_posix() for source in sources(ROOT)]
    assert "rushlight/core/errors.py" in seen
    assert "tests/test_architecture.py" in seen


def test_every_package_of_the_project_is_in_the_table_once() -> None:
    assert len(ORDER) == len(set(ORDER))


LONG_FUNCTION = "def long():\n" + "    x = 1\n" * FUNCTION_LINES

# The file, what is in it, and what the rules must say.
FORBIDDEN = [
    ("rushlight/ops/a.py", "import rushlight.tensor\n", "1: ops may not import tensor"),
    ("rushlight/ops/a.py", "\nfrom rushlight.nn.linear import x\n", "2: ops may not import nn"),
    ("rushlight/tensor.py", "from rushlight.graph import x\n", "1: tensor may not import graph"),
    ("rushlight/autograd.py", "import rushlight.tensor\n", "1: autograd may not import tensor"),
    ("rushlight/data/a.py", "import rushlight.train\n", "1: data may not import train"),
    ("rushlight/serve/a.py", "import rushlight.cli.main\n", "1: serve may not import cli"),
    ("rushlight/core/a.py", "if x:\n    import rushlight.nn\n", "2: core may not import nn"),
    ("rushlight/core/a.py", "x = lazy('rushlight.nn')\n", "1: core may not import nn"),
    ("rushlight/nn/a.py", "import rushlight.testing.x\n", "1: nn may not import testing"),
    ("rushlight/__init__.py", "import rushlight.testing\n", "1: __init__ may not import testing"),
    ("rushlight/testing/a.py", "import rushlight.nn\n", "1: testing may not import nn"),
    ("rushlight/nn/a.py", "import rushlight.nosuch\n", "1: nn may not import nosuch"),
    ("rushlight/nosuch/a.py", "", "1: nosuch is in no row of the table"),
    ("rushlight/cli/a.py", "import rushlight\n", "1: imports the bare rushlight"),
    ("rushlight/cli/a.py", "from rushlight import nn\n", "1: imports the bare rushlight"),
    ("rushlight/nn/a.py", "from . import b\n", "1: relative import of ."),
    ("rushlight/nn/a.py", "from .b import c\n", "1: relative import of .b"),
    ("rushlight/nn/a.py", "x = 1\n" * 601, "601: 601 lines; 600 at most"),
    ("rushlight/compile/runtime/a.c", "\n" * 601, "601: 601 lines; 600 at most"),
    ("rushlight/compile/runtime/a.h", "\n" * 601, "601: 601 lines; 600 at most"),
    ("tests/nn/test_a.py", "\n" * 601, "601: 601 lines; 600 at most"),
    ("rushlight/nn/a.py", LONG_FUNCTION, "1: long has 61 lines; 60 at most"),
    ("benchmarks/a.py", f"async {LONG_FUNCTION}", "1: long has 61 lines; 60 at most"),
    ("rushlight/nn/a.py", "def f():\n    import math\n", "2: imports math inside a function"),
    ("rushlight/nn/a.py", "def f():\n    import PIL\n", "2: imports PIL inside a function"),
    ("rushlight/data/a.py", "def f():\n    import torch\n", "2: imports torch inside a function"),
    (
        "rushlight/nn/a.py",
        "async def f():\n    if x:\n        import rushlight.core\n",
        "3: imports",
    ),
    ("rushlight/nn/a.py", "x = __import__('math')\n", "1: calls __import__"),
    ("rushlight/nn/a.py", "x = importlib.import_module('math')\n", "1: calls import_module"),
    ("rushlight/formats/a.py", "from PIL import Image\n", "1: imports PIL, which a plain install"),
    ("rushlight/ops/a.py", "import scipy.special\n", "1: imports scipy.special, which a plain"),
    ("rushlight/cli/a.py", "import os\nx = os.environ['X']\n", "2: environ outside core/config.py"),
    ("rushlight/cli/a.py", "import os\nx = os.getenv('X')\n", "2: getenv outside core/config.py"),
    ("rushlight/cli/a.py", "from os import environ\n", "1: environ outside core/config.py"),
    ("rushlight/ops/a.py", "def f(x):\n    assert x\n", "2: assert statement"),
]

ALLOWED = [
    ("rushlight/__init__.py", "from rushlight.tensor import x\nimport rushlight.cli.main\n"),
    ("rushlight/tensor.py", "from rushlight.autograd import x\nfrom rushlight.core.a import y\n"),
    ("rushlight/core/a.py", "import rushlight.core.b\nimport rushlight._version\n"),
    ("rushlight/cli/a.py", "def f():\n    return lazy('rushlight.train.fit')\n"),
    ("rushlight/train/a.py", "from rushlight.optim import x\nfrom rushlight.data.b import y\n"),
    ("rushlight/testing/a.py", "import rushlight.ops.b\nfrom rushlight.testing import c\n"),
    ("rushlight/cli/a.py", "import numpy\nimport rich.table\nimport platformdirs\nimport json\n"),
    ("rushlight/data/a.py", "def f():\n    from PIL import Image\n    import polars\n"),
    ("rushlight/core/lazy.py", "import importlib\nx = importlib.import_module('math')\n"),
    ("rushlight/core/config.py", "import os\nx = os.environ.get('X')\n"),
    ("rushlight/nn/a.py", "x = 1\n" * 600),
    ("rushlight/nn/a.py", LONG_FUNCTION.removesuffix("    x = 1\n")),
    ("tests/nn/test_a.py", "import os\nimport rushlight as rl\nassert os.environ\n"),
    ("tests/golden/a.c", "\n" * 601),
]


def write(root: Path, name: str, text: str) -> None:
    path = root / name
    path.parent.mkdir(parents=True)
    path.write_text(text, encoding="utf-8")


@pytest.mark.parametrize(("name", "text", "finding"), FORBIDDEN, ids=[f for *_, f in FORBIDDEN])
def test_what_is_forbidden_is_reported_with_its_place(
    tmp_path: Path, name: str, text: str, finding: str
) -> None:
    write(tmp_path, name, text)
    found = report(tmp_path, *RULES)
    assert len(found) == 1
    assert found[0].startswith(f"{name}:{finding}")


@pytest.mark.parametrize(("name", "text"), ALLOWED, ids=[name for name, _ in ALLOWED])
def test_what_is_allowed_is_not_reported(tmp_path: Path, name: str, text: str) -> None:
    write(tmp_path, name, text)
    assert report(tmp_path, *RULES) == []
