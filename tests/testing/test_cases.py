import numpy as np
import pytest

from rushlight.core.dtypes import float32, float64
from rushlight.core.primitive import PRIMITIVES
from rushlight.testing.cases import Case, all_cases, cases


def case(name: str) -> Case:
    return next(one for one in all_cases() if str(one) == name)


def test_samples_are_filled_within_their_range() -> None:
    for one in cases(PRIMITIVES["log"], float64):
        for array in one.arrays:
            assert np.all((array >= 0.2) & (array <= 4.0))


@pytest.mark.parametrize("name", ["relu", "floor", "abs", "maximum", "max"])
def test_ops_with_kinks_get_numbers_apart_from_each_other_and_from_whole_ones(name: str) -> None:
    for one in cases(PRIMITIVES[name], float64):
        numbers = np.sort(np.concatenate([array.ravel() for array in one.arrays]))
        assert np.all(np.abs(numbers - np.round(numbers)) > 1e-3)
        assert np.all(np.diff(numbers) > 1e-3)


def test_a_strided_case_reads_every_second_element() -> None:
    one = case("exp strided")
    (x,) = one.inputs()
    assert x.shape == (4, 1, 10)
    np.testing.assert_array_equal(x.numpy()[..., ::2], one.arrays[0])


def test_reversed_and_transposed_cases_lie_differently_in_memory() -> None:
    for name in ("exp reversed", "exp transposed"):
        one = case(name)
        np.testing.assert_array_equal(one(*one.inputs()).numpy(), np.exp(one.arrays[0]))
    assert case("exp transposed").inputs()[0].shape == (5, 1, 4)


def test_a_case_of_the_same_tensor_has_one_input_and_two_operands() -> None:
    one = case("sub 4 same tensor")
    (x,) = one.inputs()
    assert len(one.specs()) == 2
    np.testing.assert_array_equal(one(x).numpy(), np.zeros(5, np.float32))


def test_a_case_of_another_dtype_is_made_only_where_the_rule_takes_it() -> None:
    names = {str(one) for one in all_cases()}
    assert {"add 0 int64", "take 0 float16", "logical_not 0 bool"} <= {
        *names,
        *(f"{one.primitive.name} {one.variant} {one.dtypes[0]}" for one in all_cases()),
    }
    assert "exp 0 int64" not in names
    assert "matmul 0 bool" not in names


def test_casts_are_of_float32_in_the_table_and_of_float64_for_gradients() -> None:
    narrow, wide = (next(cases(PRIMITIVES["cast"], d)) for d in (float32, float64))
    assert narrow.dtypes == (float32,)
    assert wide.dtypes == (float64,)
    assert wide.params == {"source": float64, "dtype": float64}
