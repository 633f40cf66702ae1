import gzip
import hashlib
import struct

import numpy as np
import pytest

from rushlight.core.errors import DataError, FormatError
from rushlight.data import fashion_mnist
from rushlight.data.files import DataFile, fetch


def idx(magic, *shape):
    count = int(np.prod(shape))
    elements = (np.arange(count, dtype=np.uint32) % 10).astype(np.uint8)
    return struct.pack(f">I{len(shape)}I", magic, *shape) + elements.tobytes()


@pytest.fixture(scope="module")
def packed():
    """Files of the right shapes, as the set itself is not in the checkout."""
    contents = {
        "train-images-idx3-ubyte": idx(2051, 60_000, 28, 28),
        "train-labels-idx1-ubyte": idx(2049, 60_000),
        "t10k-images-idx3-ubyte": idx(2051, 10_000, 28, 28),
        "t10k-labels-idx1-ubyte": idx(2049, 10_000),
    }
    return {f"{name}.gz": gzip.compress(data, 1) for name, data in contents.items()}


@pytest.fixture
def own_copy(monkeypatch, tmp_path, packed):
    """A data folder with the set in it, to put something else in its place."""
    folder = tmp_path / "fashion_mnist"
    folder.mkdir()
    for name, data in packed.items():
        (folder / name).write_bytes(data)
    monkeypatch.setenv("RUSHLIGHT_DATA_DIR", str(tmp_path))
    return folder


def test_the_files_of_a_data_folder_are_read(own_copy):
    clothes = fashion_mnist.load()
    assert clothes.train_images.shape == (60_000, 28, 28)
    assert clothes.test_images.dtype == np.uint8
    assert clothes.train_labels[:12].tolist() == [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 0, 1]
    assert len(fashion_mnist.LABELS) == 10


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (idx(2051, 9_999, 28, 28), r"shape \(9999, 28, 28\) instead of \(10000, 28, 28\)"),
        (idx(2049, 10_000), r"shape \(10000,\) instead of"),
        (idx(2052, 10_000), "magic number 2052 is neither"),
        (idx(2051, 10_000, 28, 28)[:-1], "needs more bytes than the file holds"),
        (idx(2051, 10_000, 28, 28) + b"x", "bytes left over"),
    ],
    ids=["too few", "labels", "magic", "truncated", "trailing"],
)
def test_files_that_are_not_exactly_the_set_are_refused(own_copy, data, message):
    (own_copy / "t10k-images-idx3-ubyte.gz").write_bytes(data)
    with pytest.raises(FormatError, match=message):
        fashion_mnist.load()


def test_a_packed_file_is_checked_as_it_is_packed(server):
    content = b"to be or not to be" * 100
    packed, other = gzip.compress(content, 9, mtime=0), gzip.compress(content, 1, mtime=1)
    md5 = hashlib.md5(packed).hexdigest()

    def file(body, name):
        url = server.add(f"/{name}", body)
        return DataFile(f"packed/{name}", "gzip", len(content), md5, (url,), md5_of="packed")

    assert fetch(file(packed, "good.gz")).read_bytes() == packed
    with pytest.raises(DataError, match="wrong content: MD5"):
        fetch(file(other, "other.gz"))


@pytest.mark.long
def test_the_set_can_be_downloaded_and_is_what_was_published():
    clothes = fashion_mnist.load()
    assert clothes.test_labels[:5].tolist() == [9, 2, 1, 1, 6]
    assert np.bincount(clothes.train_labels).tolist() == [6000] * 10
    assert clothes.train_images.mean() / 255 == pytest.approx(0.2860, abs=5e-5)
