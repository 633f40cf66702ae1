"""Every primitive on every kind of input: the rule, eager, the interpreter and `compile` agree."""

import importlib
import pkgutil

import numpy as np
import pytest

import rushlight as rl
import rushlight.ops
from rushlight.core.primitive import PRIMITIVES, Primitive
from rushlight.graph.interpret import Interpreter
from rushlight.testing.cases import Case, all_cases
from rushlight.testing.compare import assert_close, assert_identical

CASES = all_cases()
NAMES = list(PRIMITIVES)

every_case = pytest.mark.parametrize("case", CASES, ids=str)
every_primitive = pytest.mark.parametrize("primitive", PRIMITIVES.values(), ids=NAMES)


def as_tuple(result: object) -> tuple[rl.Tensor, ...]:
    return result if isinstance(result, tuple) else (result,)


@every_case
def test_the_result_has_the_shape_and_dtype_that_the_rule_says(case: Case) -> None:
    wanted = case.primitive.rule(*case.specs(), **case.params)
    got = case(*case.inputs())
    assert [y.spec for y in as_tuple(got)] == list(as_tuple(wanted))


@every_case
def test_the_interpreter_gives_the_bits_that_eager_gives(case: Case) -> None:
    inputs = case.inputs()
    graph = rl.trace(case, *inputs)
    results = Interpreter(graph).run([x.data for x in inputs])
    for value, got, wanted in zip(graph.outputs, results, as_tuple(case(*inputs)), strict=True):
        assert value.spec == wanted.spec
        assert_identical(got, wanted.data)


@every_case
def test_a_compiled_call_gives_the_bits_that_eager_gives(case: Case) -> None:
    inputs = case.inputs()
    compiled = rl.compile(case, native=False)
    wanted = as_tuple(case(*inputs))
    for _ in range(2):
        for got, eager in zip(as_tuple(compiled(*inputs)), wanted, strict=True):
            assert_identical(got, eager)


@pytest.mark.parametrize("case", [case for case in CASES if case.layout != "plain"], ids=str)
def test_the_layout_in_memory_does_not_change_the_result(case: Case) -> None:
    plain = [rl.Tensor.wrap(a, d) for a, d in zip(case.arrays, case.dtypes, strict=True)]
    operands = [plain[i].data for i in case.operands]
    wanted = case.primitive.numpy(*operands, **case.params)
    for got, array in zip(as_tuple(case(*case.inputs())), as_tuple(wanted), strict=True):
        assert_close(got.data, np.asarray(array))


@every_case
def test_no_input_is_written_to(case: Case) -> None:
    inputs = case.inputs()
    before = [x.data.copy() for x in inputs]
    for x in inputs:
        x.data.flags.writeable = False
    rl.compile(case)(*inputs)
    case(*inputs)
    for x, array in zip(inputs, before, strict=True):
        assert_identical(x.data, array)


@every_primitive
def test_a_primitive_has_at_least_five_samples(primitive: Primitive) -> None:
    assert len(primitive.samples()) >= 5


@every_primitive
def test_a_primitive_has_a_case_without_elements(primitive: Primitive) -> None:
    sizes = [array.size for case in CASES if case.primitive is primitive for array in case.arrays]
    empty_result = any(
        0 in y.shape
        for case in CASES
        if case.primitive is primitive
        for y in as_tuple(primitive.rule(*case.specs(), **case.params))
    )
    assert 0 in sizes or empty_result


def test_the_table_sees_every_primitive_that_any_file_of_ops_enters() -> None:
    before = set(PRIMITIVES)
    for module in pkgutil.iter_modules(rushlight.ops.__path__):
        importlib.import_module(f"rushlight.ops.{module.name}")
    assert set(PRIMITIVES) == before


def test_cases_are_filled_with_the_same_numbers_each_time() -> None:
    for one, other in zip(CASES, all_cases(), strict=True):
        for array, again in zip(one.arrays, other.arrays, strict=True):
            assert_identical(array, again)
