"""A model file whose metadata is wrong or hostile ends in one clear `FormatError`, soon and small.

Nothing that a file says is run or imported, and no memory is spent on sizes that it only claims.
Graphs have a file of tests of their own.
"""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import rushlight as rl
from rushlight.core.errors import FormatError
from rushlight.formats.safetensors import StoredTensor
from rushlight.nn.module import Module, register
from tests.formats.model_files import (
    GRAPH,
    LAYERS,
    LINEAR,
    MIB,
    TENSORS,
    case,
    edited,
    every_edit,
    of,
    read_or_refuse,
    refuse,
    without,
    write,
)


@register
class Annotated(Module):
    """A registered layer that takes every kind of argument, and may refuse in its own way."""

    def __init__(
        self,
        *sizes: int,
        share: float = 0.5,
        names: list[str] | None = None,
        table: dict[str, int] | None = None,
        pair: tuple[int, int] = (1, 2),
        layer: Module | None = None,
        raises: str = "",
        **more: Any,
    ) -> None:
        if raises:
            raise {"overflow": OverflowError, "silence": KeyError}[raises]()


def layers(name: str, fact: str, *steps: Any, tensors: Any = TENSORS) -> Any:
    return case(name, edited(LAYERS, *steps), fact, tensors)


def layer(name: str, fact: str, kind: Any, arguments: Any, tensors: Any = None) -> Any:
    record = edited(LAYERS, "model", {"module": kind, "arguments": arguments})
    return case(name, record, fact, {} if tensors is None else tensors)


def nested(depth: int) -> Any:
    made: Any = {"module": "ReLU", "arguments": {}}
    for _ in range(depth):
        made = {"module": "Sequential", "arguments": {"layers": [made]}}
    return made


JSON = [
    case("metadata that is no JSON", "{", "metadata rushlight: not JSON"),
    case("empty metadata", "", "metadata rushlight: not JSON"),
    case("Python instead of JSON", "{'format': 1}", "metadata rushlight: not JSON"),
    case("a list", "[1]", "metadata rushlight: [1] is no object"),
    case("a NaN", '{"format": NaN}', "NaN is no JSON"),
    case("an infinity", '{"format": -Infinity}', "-Infinity is no JSON"),
    case("a number beyond all floats", '{"format": 1e999}', "the number 1e999 is too large"),
    case("a name twice", '{"format": 1, "format": 1}', "the name 'format' appears twice"),
    case("an integer of 65 bits", '{"format": 18446744073709551616}', "has more than 64 bits"),
    case("an integer of a million digits", '{"a": ' + "9" * MIB + "}", "has more than 64 bits"),
    case("lists 101 deep", '{"a":' + "[" * 101 + "]" * 101 + "}", "more than 100 levels deep"),
    case("a million open lists", "[" * MIB, "more than 100 levels deep"),
    case("a million objects", '{"a":' * MIB, "more than 100 levels deep"),
    case("half a surrogate pair", '{"a": "\\ud800"}', "has half a surrogate pair"),
    case("half a surrogate pair as a name", '{"\\ud800": 1}', "has half a surrogate pair"),
    case("a text after the object", '{"format": 1} {}', "metadata rushlight: not JSON"),
]

HEADS = [
    case("no format", without(LAYERS, "format"), "format is None"),
    layers("a format that is text", "format is '1'", "format", "1"),
    layers("a format that is true", "format is True", "format", True),
    layers("format zero", "format is 0", "format", 0),
    case(
        "a later format",
        {"format": 2, "version": "9.1"},
        "it is of format 2, written by Rushlight '9.1'\n  hint: this is Rushlight 0.",
    ),
    layers("a version that is a number", "version is 1", "version", 1),
    case("no model", without(LAYERS, "model"), "neither model nor graph is there"),
    case("no list of frozen parameters", without(LAYERS, "frozen"), "frozen is None"),
    layers("a frozen parameter that is not there", "no parameter 'wieght'", "frozen", ["wieght"]),
    layers("a frozen layer that is not there", "there is no layer 'x'", "frozen_layers", ["x"]),
    layers("frozen layers of no list", "frozen_layers is 1, no list", "frozen_layers", 1),
    layers("a frozen number", "frozen is [1], no list of names", "frozen", [1]),
]

MODULES = [
    layers("a model that is a list", "the model: [] is no object", "model", []),
    layers(
        "a model without arguments", "the model: arguments is missing", "model", {"module": "ReLU"}
    ),
    layers(
        "a model with a field more",
        "the model: 'code' has no meaning here",
        "model",
        {**LINEAR, "code": "import os"},
    ),
    layers(
        "a misspelt layer",
        "no layer 'Liner'\n  hint: did you mean Linear?",
        "model",
        "module",
        "Liner",
    ),
    layers(
        "a layer of the user's",
        "hint: a layer of your own must be registered",
        "model",
        "module",
        "Homemade",
    ),
    layers("a module path as layer", "no layer 'os.system'", "model", "module", "os.system"),
    layers("the base class as layer", "no layer 'Module'", "model", "module", "Module"),
    layers("a number as layer", "there is no layer 3", "model", "module", 3),
    layers("a list as layer", "there is no layer ['Linear']", "model", "module", ["Linear"]),
    layers("arguments that are a list", "its arguments are [4, 2]", "model", "arguments", [4, 2]),
    layer(
        "an argument that is missing", "Linear needs the argument outputs", "Linear", {"inputs": 4}
    ),
    layers(
        "an argument that is misspelt",
        "Linear takes no argument 'input'\n  hint: did you mean inputs?",
        *("model", "arguments", {"inputs": 4, "outputs": 2, "input": 3}),
    ),
    layer("an argument of a layer that takes none", "ReLU takes no argument 'x'", "ReLU", {"x": 1}),
    layer(
        "a size that is text",
        "argument inputs of Linear is '4', not int",
        "Linear",
        {"inputs": "4", "outputs": 2},
    ),
    layer(
        "a size that is true",
        "inputs of Linear is True, not int",
        "Linear",
        {"inputs": True, "outputs": 2},
    ),
    layer(
        "a size that is a float",
        "inputs of Linear is 4.0, not int",
        "Linear",
        {"inputs": 4.0, "outputs": 2},
    ),
    layer(
        "a size of zero",
        "inputs must be an int of at least 1",
        "Linear",
        {"inputs": 0, "outputs": 2},
    ),
    layer("a size that is negative", "at least 1, not -4", "Linear", {"inputs": -4, "outputs": 2}),
    layer(
        "a flag that is text",
        "bias of Linear is 'no', not bool",
        "Linear",
        {"inputs": 4, "outputs": 2, "bias": "no"},
    ),
    layer(
        "an initialiser that is not there",
        "no initialiser 'eval'",
        "Linear",
        {"inputs": 4, "outputs": 2, "init": "eval"},
    ),
    layer(
        "a share that is text", "argument p of Dropout is '0.5', not float", "Dropout", {"p": "0.5"}
    ),
    layer("a share above 1", "Dropout cannot be made", "Dropout", {"p": 1.5}),
    layer(
        "a NaN among the arguments", "Dropout cannot be made", "Dropout", {"p": {"float": "nan"}}
    ),
    layer("a float of another name", "module is missing", "Dropout", {"p": {"float": "1"}}),
    layer(
        "a dtype that is not there", "no dtype 'float33'", "Dropout", {"p": {"dtype": "float33"}}
    ),
    layer("a dtype as a number", "there is no dtype 3", "Dropout", {"p": {"dtype": 3}}),
    layer(
        "a list of numbers as layers",
        "layers of Sequential is (1, 2)",
        "Sequential",
        {"layers": [1, 2]},
    ),
    layer(
        "one layer instead of a list",
        "argument layers of Sequential is module ReLU",
        "Sequential",
        {"layers": {"module": "ReLU", "arguments": {}}},
    ),
    layer(
        "a fault deep inside",
        "the model.layers[0].layers[0]: there is no layer 'Evil'",
        *(
            "Sequential",
            {
                "layers": [
                    {
                        "module": "Sequential",
                        "arguments": {"layers": [{"module": "Evil", "arguments": {}}]},
                    }
                ]
            },
        ),
    ),
    layers("modules nested 40 deep", "more than 100 levels deep", "model", nested(40)),
    layer(
        "a constructor that overflows",
        "Annotated cannot be made: OverflowError",
        "Annotated",
        {"raises": "overflow"},
    ),
    layer(
        "a constructor that fails without a word",
        "Annotated cannot be made",
        "Annotated",
        {"raises": "silence"},
    ),
    layer(
        "a wrong item of *args",
        "argument sizes of Annotated is (1, '2'), not tuple[int, ...]",
        "Annotated",
        {"sizes": [1, "2"]},
    ),
    layer(
        "a wrong item of a list",
        "argument names of Annotated is ('a', 1)",
        "Annotated",
        {"names": ["a", 1]},
    ),
    layer(
        "a wrong value of a dict",
        "argument table of Annotated is {'a': 'b'}",
        "Annotated",
        {"table": {"dict": {"a": "b"}}},
    ),
    layer(
        "a pair of three",
        "argument pair of Annotated is (1, 2, 3)",
        "Annotated",
        {"pair": [1, 2, 3]},
    ),
    layer(
        "a number as layer argument", "argument layer of Annotated is 1", "Annotated", {"layer": 1}
    ),
    layer(
        "an object with two keys",
        "the model.share: module is missing",
        "Annotated",
        {"share": {"a": 1, "b": 2}},
    ),
]

SIZES = [
    layer(
        "a layer of 10^18 weights",
        "the model needs float32 (1000000000, 1000000000)",
        "Linear",
        {"inputs": 10**9, "outputs": 10**9},
        TENSORS,
    ),
    layer(
        "a layer of more weights than addresses",
        "Linear cannot be made",
        "Linear",
        {"inputs": 2**62, "outputs": 2**62},
        TENSORS,
    ),
    layer(
        "an orthogonal start of 10^10 weights",
        "a tensor of 10,000,000,000 elements, the file holds fewer",
        "Linear",
        {"inputs": 10**5, "outputs": 10**5, "init": "orthogonal"},
        TENSORS,
    ),
    layer(
        "an embedding of 10^12 numbers",
        "the model needs float32 (1000000000, 1000)",
        "Embedding",
        {"count": 10**9, "width": 1000},
        {"weight": of(2, 2)},
    ),
    layer(
        "one bias too many",
        "the model needs tensor 'bias', which the file does not hold",
        "Linear",
        LINEAR["arguments"],
        without(TENSORS, "bias"),
    ),
    layer(
        "a tensor too many",
        "the file holds tensor 'more', which the model has no place for",
        "Linear",
        LINEAR["arguments"],
        {**TENSORS, "more": of(1)},
    ),
    layer(
        "tensors of no model",
        "the model needs tensors 'weight', 'bias'",
        "Linear",
        LINEAR["arguments"],
        {"w": of(1)},
    ),
    layer(
        "no tensors at all",
        "the model needs tensors 'weight', 'bias'",
        "Linear",
        LINEAR["arguments"],
        {},
    ),
    layer(
        "a tensor of another shape",
        "tensor 'weight' is float32 (4, 2), the model needs float32 (2, 4)",
        "Linear",
        LINEAR["arguments"],
        {**TENSORS, "weight": of(4, 2)},
    ),
    layer(
        "a tensor of another rank",
        "is float32 (8,), the model needs",
        "Linear",
        LINEAR["arguments"],
        {**TENSORS, "weight": of(8)},
    ),
    layer(
        "a tensor of another dtype",
        "is float64 (2, 4), the model needs float32 (2, 4)",
        "Linear",
        LINEAR["arguments"],
        {**TENSORS, "weight": of(2, 4, dtype="float64")},
    ),
    layer(
        "many tensors too many",
        "and 15 more, which the model has no place for",
        "ReLU",
        {},
        {f"t{i}": of(1) for i in range(20)},
    ),
]


CASES = [*JSON, *HEADS, *MODULES, *SIZES]


@pytest.mark.parametrize(("metadata", "tensors", "fact"), CASES)
def test_wrong_metadata_is_refused_with_the_file_and_the_fact(
    tmp_path: Path, metadata: dict[str, Any], tensors: Any, fact: str
) -> None:
    refuse(tmp_path / "m.safetensors", metadata, tensors, fact)


def test_a_norm_of_10_to_the_15_features_is_refused(tmp_path: Path) -> None:
    model = {"module": "BatchNorm", "arguments": {"features": 10**15}}
    path = write(tmp_path / "m.safetensors", {"rushlight": {**LAYERS, "model": model}})
    with pytest.raises(FormatError, match="BatchNorm cannot be made"):
        rl.load(path)


def test_what_the_cases_are_made_from_is_read(tmp_path: Path) -> None:
    loaded = rl.load(write(tmp_path / "m.safetensors", {"rushlight": LAYERS}))
    np.testing.assert_array_equal(loaded.model(rl.ones(3, 4)).numpy(), np.full((3, 2), 5.0))


@pytest.mark.parametrize("name", ["task", "training"])
@pytest.mark.parametrize(
    ("text", "fact"),
    [
        ("[]", "[] is no object"),
        ("3", "3 is no object"),
        ("", "not JSON"),
        ('{"a": NaN}', "NaN is no JSON"),
        ('{"a": 1, "a": 2}', "the name 'a' appears twice"),
        ('{"a":' + "[" * 200 + "]" * 200 + "}", "more than 100 levels deep"),
    ],
    ids=["a list", "a number", "nothing", "a NaN", "a name twice", "200 levels"],
)
def test_wrong_facts_are_refused(tmp_path: Path, name: str, text: str, fact: str) -> None:
    path = write(tmp_path / "m.safetensors", {"rushlight": LAYERS, name: text})
    with pytest.raises(FormatError) as caught:
        rl.load(path)
    assert f"{path}: metadata {name}: " in str(caught.value)
    assert fact in str(caught.value)


@pytest.mark.parametrize(
    ("tensors", "fact"),
    [
        (TENSORS, "it holds tensors 'weight', 'bias'"),
        ({}, "it holds no tensors"),
        ({f"t{i}": of(1) for i in range(8)}, "'t0', 't1', 't2', 't3', 't4' and 3 more"),
        ({"a\u202eb": of(1)}, "it holds tensor 'a\\u202eb'"),
    ],
    ids=["two", "none", "many", "a name that turns the text around"],
)
def test_a_file_of_tensors_alone_is_no_model(tmp_path: Path, tensors: Any, fact: str) -> None:
    path = write(tmp_path / "m.safetensors", {"format": "pt"}, tensors)
    with pytest.raises(FormatError) as caught:
        rl.load(path)
    assert f"{path}: it has no Rushlight model inside; " in str(caught.value)
    assert fact in str(caught.value)


def test_a_file_that_is_no_safetensors_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "m.safetensors"
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(100))
    with pytest.raises(FormatError, match="no safetensors file"):
        rl.load(path)


def test_a_bool_tensor_that_is_none_is_refused(tmp_path: Path) -> None:
    tensors = {**TENSORS, "flag": StoredTensor.of(np.array([True]))}
    record = {**GRAPH, "buffers": ["flag"]}
    path = write(tmp_path / "m.safetensors", {"rushlight": record}, tensors)
    content = path.read_bytes()
    path.write_bytes(content[:-1] + b"\x02")
    with pytest.raises(FormatError, match="a BOOL is 2, neither 0 nor 1"):
        rl.load(path)


def test_any_single_edit_of_layers_is_read_or_refused(tmp_path: Path) -> None:
    outcomes = [read_or_refuse(tmp_path / "m", record) for record in every_edit(LAYERS)]
    assert outcomes.count(False) > 80
    assert 0 < outcomes.count(True) < 30
