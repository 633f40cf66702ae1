import copy
import itertools
import pickle

import numpy as np
import pytest

import rushlight as rl
from rushlight.core.dtypes import BY_CODE, BY_NAME, DTYPES, DType, as_dtype, promote

INTEGERS = [dtype for dtype in DTYPES if dtype.kind in ("int", "uint")]


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_a_dtype_is_found_by_its_record_its_name_and_its_numpy_dtype(dtype: DType) -> None:
    assert as_dtype(dtype) is dtype
    assert as_dtype(dtype.name) is dtype
    assert BY_CODE[dtype.code] is dtype
    if not dtype.is_half:
        assert as_dtype(dtype.storage) is dtype
        assert as_dtype(dtype.storage.type) is dtype


def test_python_types_stand_for_the_defaults() -> None:
    assert [as_dtype(kind) for kind in (float, int, bool)] == [rl.float32, rl.int64, rl.bool_]


def test_numpy_names_of_the_same_storage_are_one_dtype() -> None:
    assert as_dtype(np.longlong) is as_dtype(np.int64) is rl.int64
    assert as_dtype(np.dtype(">f4")) is rl.float32
    assert as_dtype(np.float16) is rl.float16


@pytest.mark.parametrize("unknown", [np.complex64, np.longdouble, "datetime64[s]", "S4", object])
def test_what_no_tensor_holds_is_refused_with_the_choices(unknown: object) -> None:
    if np.dtype(unknown) == np.float64:
        pytest.skip("long double is float64 on this platform")
    with pytest.raises(rl.DTypeError, match="no tensor holds NumPy dtype") as caught:
        as_dtype(unknown)
    assert "float32" in str(caught.value.hint)


def test_a_misspelt_name_gets_the_nearest_one_as_a_hint() -> None:
    with pytest.raises(rl.DTypeError, match="unknown dtype 'flaot32'") as caught:
        as_dtype("flaot32")
    assert caught.value.hint == "did you mean float32?"


@pytest.mark.parametrize("wrong", [None, 3.5, [1]])
def test_what_is_no_dtype_is_refused(wrong: object) -> None:
    with pytest.raises(rl.DTypeError):
        as_dtype(wrong)


def test_only_32_and_64_bit_floats_compute() -> None:
    assert [dtype.name for dtype in DTYPES if dtype.is_float] == [
        "float32",
        "float64",
        "float16",
        "bfloat16",
    ]
    assert [dtype.name for dtype in DTYPES if dtype.is_half] == ["float16", "bfloat16"]
    assert [dtype.name for dtype in DTYPES if dtype.is_wide] == ["float32", "float64"]


def test_copies_and_pickles_are_the_same_record() -> None:
    for dtype in DTYPES:
        assert copy.deepcopy(dtype) is dtype
        assert repr(dtype) == dtype.name
        assert dtype.itemsize == dtype.storage.itemsize
    assert pickle.loads(pickle.dumps(rl.float32)) is rl.float32


def test_names_and_codes_are_unique() -> None:
    assert len(BY_NAME) == len(BY_CODE) == len(DTYPES)


def test_promotion_is_that_of_pytorch() -> None:
    torch = pytest.importorskip("torch", reason="PyTorch is not here to compare with")
    for left, right in itertools.product([d for d in DTYPES if not d.is_half], repeat=2):
        try:
            wanted = torch.promote_types(getattr(torch, left.name), getattr(torch, right.name))
        except RuntimeError:  # it does not mix its wide unsigned integers with others
            continue
        assert (left, right, f"torch.{promote(left, right)}") == (left, right, str(wanted))


@pytest.mark.parametrize("left", DTYPES, ids=str)
@pytest.mark.parametrize("right", DTYPES, ids=str)
def test_promotion_does_not_depend_on_the_order(left: DType, right: DType) -> None:
    try:
        found = promote(left, right)
    except rl.DTypeError as error:
        assert left.is_half or right.is_half
        assert str(error).endswith("cast to float32 first")
        return
    assert promote(right, left) is found


@pytest.mark.parametrize("left", INTEGERS, ids=str)
@pytest.mark.parametrize("right", INTEGERS, ids=str)
def test_two_integers_never_make_a_float(left: DType, right: DType) -> None:
    assert promote(left, right).kind in ("int", "uint")
