"""Safetensors files go both ways unchanged, and a save that fails or is killed harms no file."""

import errno
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray

from rushlight.core.errors import DTypeError, FormatError, ShapeError, UsageError
from rushlight.formats.safetensors import StoredTensor, load_bytes, load_file, save_file

ROOT = Path(__file__).parent.parent.parent

posix = pytest.mark.skipif(os.name != "posix", reason="limits and signals of POSIX")

NUMPY_DTYPES = {
    "F64": "float64",
    "F32": "float32",
    "F16": "float16",
    "I64": "int64",
    "I32": "int32",
    "I16": "int16",
    "I8": "int8",
    "U64": "uint64",
    "U32": "uint32",
    "U16": "uint16",
    "U8": "uint8",
    "BOOL": "bool",
}
SHAPES = [(), (0,), (1,), (7,), (3, 0, 2), (2, 3, 4), (1, 1, 1, 1, 1, 1, 1, 2)]


def assert_same_bits(got: NDArray[Any], wanted: NDArray[Any]) -> None:
    assert got.shape == wanted.shape
    assert got.dtype == wanted.dtype
    np.testing.assert_array_equal(
        np.frombuffer(got.tobytes(), np.uint8), np.frombuffer(wanted.tobytes(), np.uint8)
    )


def bits(dtype: str, shape: tuple[int, ...], seed: int = 1) -> NDArray[Any]:
    """Return random elements, among them every kind of NaN that a float has."""
    numpy_dtype = np.dtype(NUMPY_DTYPES.get(dtype, "uint16"))
    size = int(np.prod(shape)) * numpy_dtype.itemsize
    raw = np.random.default_rng(seed).integers(0, 256, size, dtype=np.uint8)
    if dtype == "BOOL":
        raw &= 1
    return raw.view(numpy_dtype).reshape(shape)


def stored(dtype: str, shape: tuple[int, ...], seed: int = 1) -> StoredTensor:
    array = bits(dtype, shape, seed)
    return StoredTensor(dtype, shape, array.view(np.uint16)) if dtype == "BF16" else of(array)


def of(array: NDArray[Any]) -> StoredTensor:
    return StoredTensor.of(array)


def saved(path: Path, **tensors: NDArray[Any]) -> Path:
    save_file(path, {name: of(array) for name, array in tensors.items()})
    return path


# --- what goes in comes out ---


@pytest.mark.parametrize("dtype", [*NUMPY_DTYPES, "BF16"])
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_every_dtype_and_shape_comes_back_bit_for_bit(
    tmp_path: Path, dtype: str, shape: tuple[int, ...]
) -> None:
    tensor = stored(dtype, shape)
    save_file(tmp_path / "a.safetensors", {"t": tensor})
    with load_file(tmp_path / "a.safetensors") as file:
        back = file.tensor("t")
        assert (back.dtype, back.shape) == (dtype, shape)
        assert_same_bits(back.array, tensor.array)


NAMES = st.text(st.characters(exclude_categories=("Cc", "Cs")), min_size=1, max_size=20)
ARRAYS = st.sampled_from(sorted(NUMPY_DTYPES.values())).flatmap(
    lambda dtype: hnp.arrays(dtype, hnp.array_shapes(min_dims=0, max_dims=4, min_side=0))
)


@given(
    arrays=st.dictionaries(NAMES.filter(lambda name: name != "__metadata__"), ARRAYS, max_size=6),
    metadata=st.dictionaries(NAMES, st.text(st.characters(exclude_categories=("Cs",)))),
)
def test_any_tensors_and_metadata_come_back(
    tmp_path_factory: pytest.TempPathFactory,
    arrays: dict[str, NDArray[Any]],
    metadata: dict[str, str],
) -> None:
    path = tmp_path_factory.getbasetemp() / "any.safetensors"
    save_file(path, {name: of(array) for name, array in arrays.items()}, metadata)
    with load_file(path) as file:
        assert file.metadata == metadata
        assert file.names == tuple(arrays)
        for name, array in arrays.items():
            assert_same_bits(file.tensor(name).array, of(array).array)


def test_the_names_keep_the_order_in_which_they_were_saved(tmp_path: Path) -> None:
    path = saved(tmp_path / "a", b=np.ones(3, np.int8), a=np.ones(2), c=np.ones(1, np.int16))
    assert load_file(path).names == ("b", "a", "c")


def test_every_tensor_lies_aligned_whatever_the_order_of_the_names(tmp_path: Path) -> None:
    dtypes = ["BOOL", "F64", "I8", "F32", "U16", "I64", "F16", "U8", "I32"]
    save_file(tmp_path / "a", {dtype: stored(dtype, (3,)) for dtype in dtypes}, {"odd": "x"})
    content = (tmp_path / "a").read_bytes()
    for dtype in dtypes:
        array = load_bytes(content).tensor(dtype).array
        assert np.shares_memory(array, np.frombuffer(content, np.uint8)), f"{dtype} was copied"


def test_the_bytes_of_a_file_are_these(tmp_path: Path) -> None:
    saved(tmp_path / "a", é=np.array([1, 2], np.uint8), w=np.array(1.5, np.float32))
    header = '{"é":{"dtype":"U8","shape":[2],"data_offsets":[4,6]},'
    header += '"w":{"dtype":"F32","shape":[],"data_offsets":[0,4]}}'
    length = len(header.encode()) + 6
    assert length % 8 == 0
    wanted = length.to_bytes(8, "little") + header.encode() + b" " * 6
    wanted += b"\x00\x00\xc0\x3f" + b"\x01\x02"
    assert (tmp_path / "a").read_bytes() == wanted


def test_the_same_tensors_give_the_same_bytes(tmp_path: Path) -> None:
    first = saved(tmp_path / "a", w=np.ones(3), b=np.ones(2, np.float32))
    second = saved(tmp_path / "b", w=np.ones(3), b=np.ones(2, np.float32))
    assert first.read_bytes() == second.read_bytes()


@pytest.mark.parametrize(
    "array",
    [
        np.arange(12.0).reshape(3, 4).T,
        np.arange(12, dtype=np.float32)[::-2],
        np.broadcast_to(np.int16(7), (2, 3)),
        np.arange(6, dtype=">f8").reshape(2, 3),
        np.arange(6, dtype=">f2"),
        np.array(3, dtype=">u4"),
    ],
    ids=["transposed", "reversed", "broadcast", "big-endian", "big-endian half", "big-endian 0-d"],
)
def test_any_strides_and_byte_order_are_saved_by_value(tmp_path: Path, array: NDArray[Any]) -> None:
    tensor = load_file(saved(tmp_path / "a", t=array)).tensor("t")
    values = tensor.array.view(np.float16) if tensor.dtype == "F16" else tensor.array
    np.testing.assert_array_equal(values, array)


# --- a loaded tensor ---


def test_a_loaded_tensor_is_a_window_into_the_file_not_a_copy(tmp_path: Path) -> None:
    path = saved(tmp_path / "a", w=np.zeros(4, np.uint8))
    array = load_file(path).tensor("w").array
    with path.open("r+b") as file:
        file.seek(-1, os.SEEK_END)
        file.write(b"\x05")
    np.testing.assert_array_equal(array, [0, 0, 0, 5])


@pytest.mark.parametrize("dtype", ["F32", "BOOL", "BF16"])
def test_a_loaded_tensor_cannot_be_written(tmp_path: Path, dtype: str) -> None:
    save_file(tmp_path / "a", {"t": stored(dtype, (4,))})
    with pytest.raises(ValueError, match="read-only"):
        load_file(tmp_path / "a").tensor("t").array[0] = 1


def test_a_tensor_outlives_its_file(tmp_path: Path) -> None:
    path = saved(tmp_path / "a", w=np.arange(1000.0))
    with load_file(path) as file:
        array = file.tensor("w").array
    del file
    np.testing.assert_array_equal(array, np.arange(1000.0))


@posix
def test_replacing_a_file_leaves_the_tensors_of_the_old_one(tmp_path: Path) -> None:
    path = saved(tmp_path / "a", w=np.zeros(1000))
    array = load_file(path).tensor("w").array
    saved(path, w=np.ones(5))
    np.testing.assert_array_equal(array, np.zeros(1000))
    np.testing.assert_array_equal(load_file(path).tensor("w").array, np.ones(5))


def test_a_closed_file_says_so_and_can_be_closed_again(tmp_path: Path) -> None:
    file = load_file(saved(tmp_path / "a", w=np.ones(2)))
    file.close()
    file.close()
    with pytest.raises(FormatError, match="is closed"):
        file.tensor("w")


@posix
def test_opening_many_files_keeps_no_descriptors(tmp_path: Path) -> None:
    path = saved(tmp_path / "a", w=np.ones(2))
    (tmp_path / "broken").write_bytes(path.read_bytes()[:-1])
    before = len(os.listdir("/dev/fd"))
    kept = []  # an error that is kept must not keep its file open
    for _ in range(20):
        load_file(path).close()
        with pytest.raises(FormatError) as caught:
            load_file(tmp_path / "broken")
        kept.append(caught)
    assert len(os.listdir("/dev/fd")) == before


def test_an_unknown_name_is_answered_with_the_nearest_one(tmp_path: Path) -> None:
    file = load_file(saved(tmp_path / "a", weight=np.ones(2), bias=np.ones(2)))
    with pytest.raises(FormatError, match=r"no tensor 'wieght'\n  hint: did you mean weight\?"):
        file.tensor("wieght")


def test_changing_the_metadata_that_was_read_changes_nothing(tmp_path: Path) -> None:
    save_file(tmp_path / "a", {}, {"kind": "digits"})
    file = load_file(tmp_path / "a")
    file.metadata["kind"] = "spam"
    assert file.metadata == {"kind": "digits"}


# --- the record ---


@pytest.mark.parametrize(
    "dtype, array, error, fact",
    [
        ("F31", np.ones(2), DTypeError, "dtype 'F31' is not stored"),
        ("F32", np.ones(2), DTypeError, "F32 is stored as float32, not float64"),
        ("BF16", np.ones(2, np.float16), DTypeError, "BF16 is stored as uint16, not float16"),
        ("F64", np.ones(3), ShapeError, r"shape is \(2,\), but the array has \(3,\)"),
    ],
)
def test_a_record_whose_parts_contradict_each_other_is_refused(
    dtype: str, array: NDArray[Any], error: type[Exception], fact: str
) -> None:
    with pytest.raises(error, match=fact):
        StoredTensor(dtype, (2,), array)


@pytest.mark.parametrize("dtype", ["complex64", "object", "S3", "datetime64[s]"])
def test_an_array_that_the_format_has_no_dtype_for_is_refused(dtype: str) -> None:
    with pytest.raises(DTypeError, match="is no dtype of safetensors files"):
        StoredTensor.of(np.zeros(2, dtype))


# --- the official library is the judge ---


def test_the_official_library_reads_what_we_write(tmp_path: Path) -> None:
    official = pytest.importorskip("safetensors")
    tensors = {
        f"{dtype} {shape}": stored(dtype, shape)
        for dtype in [*NUMPY_DTYPES, "BF16"]
        for shape in SHAPES
    }
    save_file(tmp_path / "a", tensors, {"kind": "dïgits", "note": 'a "b"\n\\'})
    with official.safe_open(tmp_path / "a", framework="np") as file:
        assert file.metadata() == {"kind": "dïgits", "note": 'a "b"\n\\'}
    theirs = dict(official.deserialize((tmp_path / "a").read_bytes()))
    assert theirs.keys() == tensors.keys()
    for name, tensor in tensors.items():
        assert theirs[name]["dtype"] == tensor.dtype
        assert tuple(theirs[name]["shape"]) == tensor.shape
        assert bytes(theirs[name]["data"]) == tensor.array.tobytes()


def test_the_arrays_of_the_official_library_are_ours(tmp_path: Path) -> None:
    official = pytest.importorskip("safetensors.numpy")
    arrays = {dtype: bits(dtype, (2, 3)) for dtype in NUMPY_DTYPES}
    save_file(tmp_path / "a", {name: of(array) for name, array in arrays.items()})
    theirs = official.load_file(tmp_path / "a")
    for name, array in arrays.items():
        assert_same_bits(theirs[name], array)


def test_we_read_what_the_official_library_writes(tmp_path: Path) -> None:
    official = pytest.importorskip("safetensors.numpy")
    arrays = {f"{dtype} {shape}": bits(dtype, shape) for dtype in NUMPY_DTYPES for shape in SHAPES}
    official.save_file(arrays, tmp_path / "a", {"kind": "dïgits", "note": 'a "b"\n\\'})
    with load_file(tmp_path / "a") as file:
        assert file.metadata == {"kind": "dïgits", "note": 'a "b"\n\\'}
        assert set(file.names) == arrays.keys()
        for name, array in arrays.items():
            assert_same_bits(file.tensor(name).array, of(array).array)


def test_we_read_the_bfloat16_that_pytorch_writes(tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    official = pytest.importorskip("safetensors.torch")
    tensors = {
        "t": torch.tensor([[1.0, -2.5, 3e38]], dtype=torch.bfloat16),
        "scalar": torch.tensor(0.5, dtype=torch.bfloat16),
        "empty": torch.zeros((0, 2), dtype=torch.bfloat16),
    }
    official.save_file(tensors, tmp_path / "a")
    with load_file(tmp_path / "a") as file:
        for name, tensor in tensors.items():
            back = file.tensor(name)
            assert (back.dtype, back.shape) == ("BF16", tuple(tensor.shape))
            assert_same_bits(back.array, tensor.view(torch.uint16).numpy())


# --- what cannot be saved is refused before the disk is touched ---


TENSOR = StoredTensor.of(np.ones(1, np.float32))


@pytest.mark.parametrize(
    "tensors, metadata, fact",
    [
        pytest.param({"": TENSOR}, {}, "tensor name '' is empty", id="an empty name"),
        pytest.param({"a\0": TENSOR}, {}, "control character", id="a NUL in a name"),
        pytest.param({"a\x9bm": TENSOR}, {}, "control character", id="a terminal code in a name"),
        pytest.param({"\ud800": TENSOR}, {}, "half a surrogate", id="half a character in a name"),
        pytest.param({"é" * 513: TENSOR}, {}, "longer than 1,024 bytes", id="a name of 1026 bytes"),
        pytest.param({7: TENSOR}, {}, "name 7 is not a string", id="a number as a name"),
        pytest.param({"__metadata__": TENSOR}, {}, "format's own word", id="the name of metadata"),
        pytest.param({}, {"": "x"}, "metadata key '' is empty", id="an empty metadata key"),
        pytest.param({}, {"a\n": "x"}, "control character", id="a line break in a metadata key"),
        pytest.param({}, {"a": 1}, "must be a string", id="a number as metadata"),
        pytest.param({}, {1: "a"}, "must be a string", id="a number as a metadata key"),
        pytest.param({}, {"a": "\udfff"}, "half a surrogate", id="half a character in metadata"),
        pytest.param(
            {}, {"a": "x" * 2**24}, "header takes 16,777,248 bytes", id="17 MB of metadata"
        ),
        pytest.param(
            {"a": StoredTensor.of(np.ones((1,) * 9))}, {}, "9 axes, more than 8", id="nine axes"
        ),
        pytest.param(
            {str(n): TENSOR for n in range(100_001)}, {}, "more than 100,000", id="100,001 tensors"
        ),
        pytest.param(
            {}, {str(n): "" for n in range(100_001)}, "more than 100,000", id="100,001 metadata"
        ),
    ],
)
def test_the_writer_refuses_what_the_reader_would(
    tmp_path: Path, tensors: Any, metadata: Any, fact: str
) -> None:
    (tmp_path / "a").write_bytes(b"old")
    with pytest.raises(FormatError, match=fact):
        save_file(tmp_path / "a", tensors, metadata)
    assert (tmp_path / "a").read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["a"]


def test_a_bare_array_is_refused_with_the_remedy(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"'w' is a ndarray, .*\n  hint: StoredTensor.of wraps"):
        save_file(tmp_path / "a", {"w": np.ones(2)})  # type: ignore[dict-item]
    assert os.listdir(tmp_path) == []


def test_a_greater_header_can_be_asked_for_on_both_sides(tmp_path: Path) -> None:
    save_file(tmp_path / "a", {}, {"a": "x" * 2**24}, max_header=2**25)
    with pytest.raises(FormatError, match=r"more than 16,777,216.*\n  hint: max_header=16777248"):
        load_file(tmp_path / "a")
    assert len(load_file(tmp_path / "a", max_header=16777248).metadata["a"]) == 2**24


@pytest.mark.parametrize("max_header", [-1, 0, 1, 100_000_001])
def test_a_limit_that_the_format_does_not_know_is_refused(tmp_path: Path, max_header: int) -> None:
    path = saved(tmp_path / "a", w=np.ones(1))
    with pytest.raises(UsageError, match="not from 2 to 100,000,000"):
        load_file(path, max_header=max_header)
    with pytest.raises(UsageError, match="not from 2 to 100,000,000"):
        load_bytes(path.read_bytes(), max_header=max_header)
    with pytest.raises(UsageError, match="not from 2 to 100,000,000"):
        save_file(path, {}, max_header=max_header)


@pytest.mark.parametrize(
    "place, fact",
    [
        ("missing/a", "cannot be written: No such folder"),
        ("", "cannot be written: Is a directory"),
        ("a\0b", "cannot be written: unusable file name"),
    ],
    ids=["a folder that is not there", "a folder", "a name with a NUL byte"],
)
def test_a_place_that_cannot_be_written_is_named(tmp_path: Path, place: str, fact: str) -> None:
    with pytest.raises(FormatError, match=fact):
        save_file(tmp_path / place, {"w": TENSOR})


# --- a save that fails at any step leaves the old file ---


@posix
def test_a_disk_that_is_full_after_any_number_of_bytes_leaves_the_old_file(tmp_path: Path) -> None:
    resource = pytest.importorskip("resource")
    size = saved(tmp_path / "a", w=np.ones(60), b=np.zeros(9, np.int8)).stat().st_size
    old = saved(tmp_path / "a", w=np.zeros(3)).read_bytes()
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    for room in range(size):
        resource.setrlimit(resource.RLIMIT_FSIZE, (room, hard))
        try:
            with pytest.raises(FormatError, match="cannot be written: File too large"):
                saved(tmp_path / "a", w=np.ones(60), b=np.zeros(9, np.int8))
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        assert (tmp_path / "a").read_bytes() == old
        assert os.listdir(tmp_path) == ["a"]


@pytest.mark.parametrize("step", ["open", "fsync", "replace"])
def test_a_step_that_the_system_refuses_is_one_clear_error_and_leaves_the_old_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    old = saved(tmp_path / "a", w=np.zeros(3)).read_bytes()

    def refuse(*_args: object, **_kwargs: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch, pytest.raises(FormatError) as caught:
        patch.setattr(os, step, refuse)
        saved(tmp_path / "a", w=np.ones(60))
    assert str(caught.value) == f"{tmp_path / 'a'}: cannot be written: No space left on device"
    assert (tmp_path / "a").read_bytes() == old
    assert os.listdir(tmp_path) == ["a"]


def kill_saves(folder: Path, kills: int) -> None:
    script = Path(__file__).with_name("save_until_killed.py")
    environment = os.environ | {"PYTHONPATH": str(ROOT), "OPENBLAS_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, "-W", "ignore::DeprecationWarning", script, folder, str(kills)],
        env=environment,
        capture_output=True,
        text=True,
    )
    assert (done.returncode, done.stderr) == (0, "")
    whole, interrupted, saves = map(int, done.stdout.split())
    assert whole == kills
    assert interrupted > kills // 10, "the kills came too early or too late to prove anything"
    assert saves > 0


@posix
def test_a_hundred_kills_during_saves_leave_a_whole_file_each_time(tmp_path: Path) -> None:
    kill_saves(tmp_path, 100)
    hour_ago = time.time() - 3700
    for left in tmp_path.iterdir():
        os.utime(left, times=(hour_ago, hour_ago))
    saved(tmp_path / "model.safetensors", w=np.ones(2))
    assert os.listdir(tmp_path) == ["model.safetensors"]


@posix
@pytest.mark.long
def test_two_thousand_kills_during_saves_leave_a_whole_file_each_time(tmp_path: Path) -> None:
    for batch in range(20):
        (tmp_path / str(batch)).mkdir()
        kill_saves(tmp_path / str(batch), 100)
        for left in (tmp_path / str(batch)).iterdir():
            left.unlink()
