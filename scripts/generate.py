"""Writes what derives from the registry: type stubs of methods and functions, the table of ops.

python scripts/generate.py           writes the files
python scripts/generate.py --check   names those that are not as they would be written, and exits 1
"""

import argparse
import ast
import importlib
import inspect
import operator
import pkgutil
import sys
import types
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))  # this checkout, whatever is installed

import rushlight as rl  # noqa: E402
from rushlight import ops  # noqa: E402
from rushlight.core.primitive import METHODS, PRIMITIVES, Primitive  # noqa: E402
from rushlight.core.shapes import AxisLike  # noqa: E402
from rushlight.nn import functional  # noqa: E402
from rushlight.ops.functions import FUNCTIONS  # noqa: E402
from rushlight.ops.pointwise import Pointwise  # noqa: E402

LINE = 100
REMEDY = "`make docs-generated` writes it anew"
NAMED_TYPES = {str(AxisLike): "AxisLike", str(Any): "Any"}
OVERRIDES = ("__eq__", "__ne__")  # which `object` has too, with other types

STUB = f'''\
# Written by scripts/generate.py from the registry of methods; {REMEDY}.

from collections.abc import Sequence
from typing import Any

import numpy as np

from rushlight.core.primitive import Array, Value
from rushlight.core.shapes import AxisLike
from rushlight.tensor import Tensor

Operand = Tensor | float | Array | np.generic | Sequence[Any]  # what stands for a value

class TensorMethods(Value):
    """Every op that is entered as a method, under its name."""
'''

FUNCTIONS_STUB = f"""\
# Written by scripts/generate.py from the registry; {REMEDY}.

from collections.abc import Sequence
from typing import Any

from rushlight.core.shapes import AxisLike
from rushlight.ops.methods import Operand
from rushlight.tensor import Tensor
"""

OPS = f"""\
<!-- Written by scripts/generate.py from the registry; {REMEDY}. -->

# The ops

Everything that Rushlight computes is made of {{count}} primitives. Each is written down once, in
the file that stands above its table: shape rule, NumPy meaning, gradient. This page, the methods
of `Tensor` and the tests of every primitive derive from those records.

- **called as**: `x.name()` is a method, `x + y` an operator, `rl.name()` and
  `nn.functional.name()` are functions. Where nothing stands, only other ops use the primitive.
- **gradient**: *kinks* means that the gradient jumps somewhere, as that of |x| does at 0.
- **ONNX**: the operator of that format which means the same.
- **C**: the expression for one element.

## Primitives
"""

COMPOSITES = """
## Composites

Made of primitives, so they have gradients, are traced and interpreted with no rule of their own.

| name | what it gives | called as | where |
|---|---|---|---|
"""


@dataclass(frozen=True, order=True)
class Home:
    """Where an op is written down."""

    file: str  # from the root, as in "rushlight/ops/elementwise.py"
    position: int  # among the definitions of the file

    @property
    def link(self) -> str:
        return f"[{self.file.removeprefix('rushlight/')}](../{self.file})"


def modules_of_ops() -> list[types.ModuleType]:
    names = sorted(module.name for module in pkgutil.iter_modules(ops.__path__))
    return [importlib.import_module(f"{ops.__name__}.{name}") for name in names]


def find_homes() -> dict[int, Home]:
    """Where each object that a module of ops defines, rather than imports, stands; by its id."""
    homes = {}
    for module in modules_of_ops():
        path = Path(str(module.__file__))
        file = path.relative_to(ROOT).as_posix()
        names = defined_names(ast.parse(path.read_text(encoding="utf-8")))
        for position, name in enumerate(names):
            found = getattr(module, name)
            homes[id(found)] = Home(file, position)
            if isinstance(found, Pointwise):
                homes[id(found.function)] = Home(file, position)
    return homes


def defined_names(tree: ast.Module) -> Iterator[str]:
    for statement in tree.body:
        if isinstance(statement, (ast.FunctionDef, ast.ClassDef)):
            yield statement.name
        elif isinstance(statement, ast.Assign):
            yield from (target.id for target in statement.targets if isinstance(target, ast.Name))


HOMES = find_homes()
EXPORTS = {name: getattr(rl, name, None) for name in rl.__all__} | FUNCTIONS


def home_of(primitive: Primitive) -> Home:
    """Where a primitive stands: its own class, or the call that made it one of a family."""
    alone = "name" in vars(type(primitive))
    return HOMES[id(type(primitive) if alone else primitive)]


# The type stubs


def stub_of_methods() -> str:
    by_file = defaultdict(list)
    for name, function in METHODS.items():
        forward = METHODS[unreflected(name)]
        home = HOMES.get(id(forward)) or HOMES[id(inspect.unwrap(forward))]
        by_file[home.file].append((home.position, name, function))
    lines = []
    for file, entries in sorted(by_file.items()):
        lines += ["", f"    # {file}"]
        for _, name, function in sorted(entries, key=lambda entry: entry[0]):
            lines += stub_of(name, function, "self", "    ")
    return STUB + "\n".join(lines) + "\n"


def unreflected(name: str) -> str:
    """The operator of which this is the reflected one, as `__radd__` is of `__add__`."""
    forward = f"__{name.removeprefix('__r')}"
    return forward if name.startswith("__r") and forward in METHODS else name


def stub_of_functions() -> str:
    entries = sorted((HOMES[id(function)], name) for name, function in FUNCTIONS.items())
    lines = [line for _, name in entries for line in ["", *stub_of(name, FUNCTIONS[name], None)]]
    return FUNCTIONS_STUB + "\n".join(lines) + "\n"


def stub_of(
    name: str, function: Callable[..., Any], first: str | None = "self", indent: str = ""
) -> list[str]:
    """The lines of a function's stub; `first` is how its first parameter is written."""
    parameters = list(inspect.signature(function).parameters.values())
    texts = [parameter_text(name, parameter) for parameter in parameters]
    texts[0] = first or texts[0]
    ignore = "  # type: ignore[override]" if name in OVERRIDES else ""
    result = result_text(function)
    line = f"{indent}def {name}({', '.join(texts)}) -> {result}:"
    lines = [line + ignore]
    if len(line) > LINE:
        inside = [f"{indent}    {text}," for text in texts]
        lines = [f"{indent}def {name}(", *inside, f"{indent}) -> {result}:"]
    summary = first_line(function)
    if not summary:
        return [*lines[:-1], f"{lines[-1].removesuffix(ignore)} ...{ignore}"]
    quoted = f'{indent}    """{summary}"""'
    return [*lines, quoted if len(quoted) <= LINE else f"{quoted}  # noqa: E501"]


def parameter_text(method: str, parameter: inspect.Parameter) -> str:
    annotation = parameter.annotation
    plain = annotation if isinstance(annotation, type) else None
    text = plain.__name__ if plain in (int, float, bool, str) else str(annotation)
    text = NAMED_TYPES.get(text, text.replace("collections.abc.", ""))
    variadic = parameter.kind is inspect.Parameter.VAR_POSITIONAL
    if text == "Any" and not variadic and parameter.name != "index":
        text = "object" if method in OVERRIDES else "Operand"
    default = "" if parameter.default is parameter.empty else f" = {literal(parameter.default)}"
    return f"{'*' if variadic else ''}{parameter.name}: {text}{default}"


def result_text(function: Callable[..., Any]) -> str:
    """What a method returns: values are tensors here."""
    annotation = inspect.signature(function).return_annotation
    known = annotation is None or "typing.Any" in str(annotation)
    return str(annotation).replace("typing.Any", "Tensor") if known else "Tensor"


def literal(value: Any) -> str:
    """A default as Python writes it, text in the quotes that the house prefers."""
    return f'"{value}"' if isinstance(value, str) else repr(value)


def first_line(thing: Any) -> str:
    return (inspect.getdoc(thing) or "").partition("\n")[0]


# The table of ops


def table_of_ops() -> str:
    by_file = defaultdict(list)
    for primitive in PRIMITIVES.values():
        by_file[home_of(primitive).file].append(primitive)
    text = OPS.format(count=len(PRIMITIVES))
    for module in modules_of_ops():
        file = Path(str(module.__file__)).relative_to(ROOT).as_posix()
        if file in by_file:
            stem = Path(file).stem.capitalize()
            text += f"\n### {stem}\n\n[{file}](../{file}): {first_line(module)}\n\n"
            text += "\n".join(primitive_rows(by_file[file])) + "\n"
    return text + COMPOSITES + "\n".join(composite_rows()) + "\n"


def primitive_rows(primitives: list[Primitive]) -> Iterator[str]:
    with_c = any(hasattr(primitive, "c") for primitive in primitives)
    yield "| name | what it gives | called as | gradient | ONNX |" + " C |" * with_c
    yield "|---|---|---|---|---|" + "---|" * with_c
    for primitive in sorted(primitives, key=lambda one: home_of(one).position):
        gradient = ("yes" if primitive.smooth else "kinks") if primitive.differentiable else "no"
        cells = [code(primitive.name), meaning(primitive), ", ".join(ways_to_call(primitive))]
        cells += [gradient, primitive.onnx or ""]
        cells += [code(getattr(primitive, "c", ""))] * with_c
        yield row(cells)


def meaning(primitive: Primitive) -> str:
    """What a primitive says of itself; one of a family says it in its function, if it has one."""
    if isinstance(primitive, Pointwise) or "name" in vars(type(primitive)):
        return first_line(primitive)
    return first_line(own_function(primitive) or primitive)


def own_function(primitive: Primitive) -> Any:
    """The function of a primitive's name in a file of ops, or None where that is the primitive."""
    found = [vars(module).get(primitive.name) for module in modules_of_ops()]
    if any(one is primitive for one in found):
        return None
    return next((one for one in found if inspect.isfunction(one)), None)


def composite_rows() -> Iterator[str]:
    named = {id(own_function(primitive)) for primitive in PRIMITIVES.values()}
    named |= {id(one) for one in PRIMITIVES.values()}
    named |= {id(one.function) for one in PRIMITIVES.values() if isinstance(one, Pointwise)}
    exported = [getattr(functional, name) for name in vars(functional) if name[0] != "_"]
    exported += EXPORTS.values()
    candidates = [*METHODS.values(), *(one for one in exported if inspect.isfunction(one))]
    rows = {}
    for function in candidates:
        file = f"{function.__module__.replace('.', '/')}.py"
        ours = file.startswith(("rushlight/ops/", "rushlight/nn/"))
        ways = calls_of(function)
        if ours and ways and id(function) not in named:
            home = HOMES.get(id(function), Home(file, 0))
            cells = [code(function.__name__), first_line(function), ", ".join(ways), home.link]
            rows[home.file, home.position, function.__name__] = row(cells)
    yield from (text for _, text in sorted(rows.items()))


def ways_to_call(primitive: Primitive) -> list[str]:
    same = [primitive, own_function(primitive)]
    same += [primitive.function] if isinstance(primitive, Pointwise) else []
    ways = calls_of(*(one for one in same if one is not None))
    method = code(f"x.{primitive.name}()")
    return ways if method in ways or not hasattr(rl.Tensor, primitive.name) else [method, *ways]


def calls_of(*same: Any) -> list[str]:
    """How people call an op that goes by any of these objects."""
    ids = {id(one) for one in same}
    ways = []
    for name, function in METHODS.items():
        if id(function) in ids and not name.startswith("__"):
            ways.append(f"x.{name}()")
        elif id(function) in ids and hasattr(operator, name):
            ways.append(expression(name))
    ways += [f"rl.{name}()" for name, value in EXPORTS.items() if id(value) in ids]
    own = [name for name, value in vars(functional).items() if id(value) in ids]
    return [code(way) for way in [*ways, *(f"nn.functional.{name}()" for name in own)]]


def expression(name: str) -> str:
    """How an operator is written: Python says it itself, "Same as a + b." """
    written = ast.parse(str(getattr(operator, name).__doc__)[len("Same as ") : -1])
    for node in ast.walk(written):
        if isinstance(node, ast.Name) and node.id in "ab":
            node.id = {"a": "x", "b": "y"}[node.id]
    return ast.unparse(written)


def row(cells: list[str]) -> str:
    return "| " + " | ".join(cell.replace("|", r"\|") for cell in cells) + " |"


def code(text: str) -> str:
    return f"`{text}`" if text else ""


FILES = {
    "rushlight/ops/methods.pyi": stub_of_methods,
    "rushlight/ops/functions.pyi": stub_of_functions,
    "docs/ops.md": table_of_ops,
}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--check", action="store_true", help="compare instead of writing")
    check = parser.parse_args().check
    stale = False
    for name, text in FILES.items():
        path, fresh = ROOT / name, text()
        if path.exists() and path.read_text(encoding="utf-8") == fresh:
            continue
        stale = True
        if check:
            print(f"{name} is stale: {REMEDY}", file=sys.stderr)
        else:
            path.parent.mkdir(exist_ok=True)
            path.write_text(fresh, encoding="utf-8", newline="\n")
            print(f"wrote {name}")
    return 1 if check and stale else 0


if __name__ == "__main__":
    sys.exit(main())
