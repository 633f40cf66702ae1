"""Names are data: whatever a tensor, a layer, a function or a file is called, the C is the same."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import rushlight as rl
from rushlight.compile.emit.program import compile_graph
from rushlight.graph.interpret import Interpreter
from rushlight.graph.ir import Graph
from rushlight.testing.compare import assert_identical
from rushlight.testing.graphs import inputs_of
from rushlight.testing.native import Built, build_graphs

HOSTILE = {
    "empty": "",
    "space": " ",
    "double quote": 'a"; abort(); "',
    "single quote": "a'; abort(); '",
    "end of a comment": "a */ abort(); /* b",
    "end of a comment at the end": "a */",
    "end of a comment in halves": "a *",
    "begin of a comment": "/* a",
    "line comment": "// a",
    "newline": "a\nabort();\n",
    "carriage return": "a\r\nabort();\r",
    "form feed and vertical tab": "a\f\vabort();",
    "other line ends": "a\u2028abort();\u2029abort();\x85abort();",
    "backslash at the end": "a\\",
    "backslash and newline": "a\\\nabort();",
    "trigraph of a backslash": "a??/",
    "trigraph of a hash": "\n??=error\n",
    "digraphs": "<% %> <: :> %:",
    "include": '\n#include "/dev/zero"\n',
    "error": "\n#error a\n",
    "pragma": '_Pragma("GCC poison int")',
    "define": "\n#define int64_t char\n",
    "format": "%s%n%d",
    "template": "{0} {name} {{ }} {",
    "NUL": "a\0abort();",
    "control characters": "a\x1b[2J\x07\x7f",
    "right-to-left override": "a\u202e/* \u2066 */\u2069",
    "zero width": "a\u200b\u200d\ufeff",
    "emoji": "\U0001f600\U0001f468\u200d\U0001f469",
    "homoglyphs": "wеіght\uff3f１",
    "combining": "e\u0301\u0335" * 9,
    "lone surrogate": "a\ud800b\udcffc",
    "very long": "weight" * 20_000,
    "long and ending in digits": "a" * 100 + "_" * 100 + "7" * 100,
    "keyword": "int",
    "another keyword": "return",
    "predefined macro": "__LINE__",
    "assembler": '__asm__("ud2")',
    "attribute": "__attribute__((constructor))",
    "number": "12",
    "underscores": "____",
    "path": "../../../etc/passwd",
    "shell": "$(touch a) `touch a` ; touch a",
}
# Each with numbers behind it is what something else in the C is called, or a macro.
TAKEN = ["kernel", "table", "rows", "copy", "exp", "matmul", "x", "M_PI", "rl_program", "call"]


class Layer(rl.nn.Module):
    """Reads three parameters and updates a state, all of one name, and holds a table."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self.weight = rl.nn.Parameter(rl.arange(12).reshape(4, 3) / 8.0)
        self.bias = rl.nn.Parameter([0.5, -0.25, 0.125])
        self.count = rl.zeros(3)
        for x in (self.weight, self.bias, self.count):
            x.name = name

    def forward(self, x: rl.Tensor) -> rl.Tensor:
        rows = (x @ self.weight + self.bias).exp() + rl.tensor([1.0, 2.0, 4.0])
        total = rows.sum(0)
        self.count.assign(self.count + total)
        return (rows * total).permute(1, 0).reshape(6)


def program_named(name: str) -> Callable[[rl.Tensor], rl.Tensor]:
    """Return a function called `name`, of a file called so, that calls a layer called so."""
    outer = rl.nn.Module()
    setattr(outer, name, Layer(name))
    space: dict[str, Any] = {"layer": getattr(outer, name)}
    code = compile("def call(x):\n    return layer(x) + 1.0\n", "file", "exec")
    exec(code, space)
    call: Callable[[rl.Tensor], rl.Tensor] = space["call"]
    call.__code__ = call.__code__.replace(co_filename=name, co_name=name)
    call.__name__ = call.__qualname__ = name
    return call


def input_() -> rl.Tensor:
    return rl.arange(8).reshape(2, 4) / 16.0


def graph_named(name: str) -> Graph:
    graph = rl.trace(program_named(name), input_())
    assert {x.name for x, _ in graph.states} == {name}
    return graph


def kernels(source: str) -> str:
    """The part of a C file that was made for its graph."""
    return source.rpartition("\n#endif\n")[2]


def skeleton(source: str) -> str:
    """C without comments, spaces and braces, its numbered names reduced to their numbers."""
    code = re.sub(r"/\*.*?\*/", "", kernels(source))
    code = re.sub(r"\b[A-Za-z]\w*?(\d+)\b", r"_\1", code)
    return re.sub(r"[\s{}]", "", code)  # lines are folded, and braces set, by their length


ORDINARY = skeleton(compile_graph(graph_named("ordinary")).source)


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Built]:
    """Every hostile name's graph, all in one C file; warnings are errors."""
    folder = tmp_path_factory.mktemp("hostile")
    graphs = [graph_named(name) for name in HOSTILE.values()]
    return dict(zip(HOSTILE, build_graphs(graphs, folder), strict=True))


def check(one: Built) -> None:
    """Check that C and interpreter give the same, up to rounding."""
    inputs = inputs_of(one.graph, [input_().numpy()])
    wanted = Interpreter(one.graph).run(inputs)
    for got, want in zip(one.run(inputs), wanted, strict=True):
        np.testing.assert_allclose(got, want, rtol=1e-5)


@pytest.mark.parametrize("case", HOSTILE)
def test_a_hostile_name_compiles_without_a_warning_and_gives_right_results(
    case: str, built: dict[str, Built]
) -> None:
    check(built[case])


@pytest.mark.parametrize("case", HOSTILE)
def test_the_code_is_that_of_an_ordinary_name(case: str) -> None:
    assert skeleton(compile_graph(graph_named(HOSTILE[case])).source) == ORDINARY


@pytest.mark.parametrize("case", HOSTILE)
def test_what_is_left_of_a_name_is_short_plain_and_inside_comments_or_identifiers(
    case: str,
) -> None:
    text = kernels(compile_graph(graph_named(HOSTILE[case])).source)
    assert text.isascii()
    assert re.findall(r"[^ -~\n]|[\\#$@`'\"?]|//|%:|<%", strip_fixed(text)) == []
    comments = re.findall(r"/\*.*?\*/", text, re.DOTALL)
    assert len(comments) == text.count("/*") == text.count("*/")
    assert [comment for comment in comments if "\n" in comment or len(comment) > 300] == []
    assert max(map(len, re.findall(r"\w+", re.sub(r"/\*.*?\*/", "", text)))) < 64


def strip_fixed(text: str) -> str:
    """C without the string that all programs have, choices (`? :`), and what stands for others."""
    text = text.replace('__attribute__((visibility("default")))', "")
    text = re.sub(r"(/\*.*?\*/)", lambda comment: comment[0].replace("?", "_"), text)
    return text.replace(" ? ", " ")


def graph_of_states_named(stem: str) -> Graph:
    """Eight states of one name, at as many places: the C may number other things so."""
    states = [rl.full((3,), float(n)) for n in range(7)]
    weight = rl.arange(12).reshape(4, 3) / 8.0
    for x in (weight, *states):
        x.name = stem

    def call(x: rl.Tensor) -> rl.Tensor:
        rows = (x @ weight).exp() + rl.tensor([1.0, 2.0, 4.0])
        for state in states:
            rows = rows + state.exp()
        states[-1].assign(states[-1] + rows.sum(0))
        return (rows * states[-1]).permute(1, 0).reshape(6)

    return rl.trace(call, input_())


@pytest.mark.parametrize("stem", TAKEN)
def test_a_name_that_the_c_has_for_something_else_is_told_apart(stem: str, tmp_path: Path) -> None:
    (one,) = build_graphs([graph_of_states_named(stem)], tmp_path)
    check(one)


@pytest.mark.parametrize("case", ["lone surrogate", "NUL", "end of a comment", "very long"])
def test_a_compiled_function_of_a_hostile_name_runs_as_c(case: str) -> None:
    named = program_named(HOSTILE[case])
    compiled = rl.compile(named)
    np.testing.assert_allclose(compiled(input_()).numpy(), named(input_()).numpy(), rtol=1e-5)
    assert compiled.fallbacks == []


def test_names_of_tables_cannot_be_those_of_states(tmp_path: Path) -> None:
    state = rl.tensor([5.0, 6.0, 7.0])
    state.name = "table"

    def add(x: rl.Tensor) -> rl.Tensor:
        return x + rl.tensor([1.0, 2.0, 3.0]) + state + rl.tensor([8.0, 9.0, 10.0])

    graph = rl.trace(add, rl.zeros(3))
    (one,) = build_graphs([graph], tmp_path)
    (got,) = one.run(inputs_of(graph, [np.zeros(3, np.float32)]))
    np.testing.assert_array_equal(got, np.array([14.0, 17.0, 20.0], np.float32))


NUMBERS = {
    rl.float32: [np.nan, np.inf, -np.inf, -0.0, 1e-45, 3.4e38, 0.1, 1e16, -7e-39, 16777217.0],
    rl.float64: [np.nan, np.inf, -np.inf, -0.0, 5e-324, 1.7e308, 0.1, 1e22, -3e-310, 2.0**53],
    rl.int32: [-(2**31), 2**31 - 1, -1, 0],
    rl.int64: [-(2**63), 2**63 - 1, -1, 0],
    rl.uint8: [0, 255],
    rl.bool_: [True, False],
}


@pytest.mark.parametrize("dtype", NUMBERS, ids=str)
def test_extreme_constants_reach_the_c_to_the_bit(dtype: Any, tmp_path: Path) -> None:
    numbers = np.array(NUMBERS[dtype]).astype(dtype.storage)

    def constants(x: rl.Tensor) -> list[rl.Tensor]:
        alone = [rl.where(x, rl.tensor(n, dtype=dtype), rl.tensor(n, dtype=dtype)) for n in numbers]
        return [*alone, rl.where(x, rl.tensor(numbers), rl.tensor(numbers))]

    graph = rl.trace(constants, rl.tensor(True))
    (one,) = build_graphs([graph], tmp_path)
    results = one.run(inputs_of(graph, [np.array(True)]))
    for got, want in zip(results, [*numbers, numbers], strict=True):
        assert_identical(got, np.asarray(want))
