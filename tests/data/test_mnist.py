import shutil
import struct
from dataclasses import FrozenInstanceError
from pathlib import Path

import numpy as np
import pytest

from rushlight.core.errors import FormatError
from rushlight.data import mnist

CHECKOUT = Path(__file__).parents[2] / "data" / "mnist"


@pytest.fixture(scope="module")
def digits():
    return mnist.load()


def test_mnist_has_its_shapes_and_dtypes(digits):
    assert digits.train_images.shape == (60_000, 28, 28)
    assert digits.train_labels.shape == (60_000,)
    assert digits.test_images.shape == (10_000, 28, 28)
    assert digits.test_labels.shape == (10_000,)
    for array in vars(digits).values():
        assert array.dtype == np.uint8


def test_mnist_has_its_labels(digits):
    assert digits.train_labels[:8].tolist() == [5, 0, 4, 1, 9, 2, 1, 3]
    counts = np.bincount(digits.train_labels).tolist()
    assert counts == [5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949]


def test_mnist_has_its_pixels_the_right_way_round(digits):
    # The mean and the deviation of the training pixels that the literature gives.
    assert digits.train_images.mean() / 255 == pytest.approx(0.1307, abs=5e-5)
    assert digits.train_images.std() / 255 == pytest.approx(0.3081, abs=5e-5)
    # The first test digit is a 7: a bar on top, then a stroke that falls to the left.
    seven = digits.test_images[0].astype(float)
    centres = (seven * np.arange(28)).sum(axis=1) / np.maximum(seven.sum(axis=1), 1)
    assert centres[10] > centres[15] > centres[20] > 0
    assert seven[8].astype(bool).sum() > 2 * seven[20].astype(bool).sum()


def test_the_record_is_frozen(digits):
    with pytest.raises(FrozenInstanceError):
        digits.train_images = None


@pytest.fixture
def own_copy(monkeypatch, tmp_path):
    """A data folder of the test's own with MNIST in it, to put something else in its place."""
    folder = tmp_path / "mnist"
    folder.mkdir()
    for path in CHECKOUT.iterdir():
        shutil.copy(path, folder)
    monkeypatch.setenv("RUSHLIGHT_DATA_DIR", str(tmp_path))

    def replace(name, data):
        (folder / name).write_bytes(data)

    return replace


def test_labels_in_the_place_of_images_are_refused(own_copy):
    own_copy("t10k-images-idx3-ubyte.gz", (CHECKOUT / "t10k-labels-idx1-ubyte.gz").read_bytes())
    with pytest.raises(FormatError, match=r"shape \(10000,\) instead of \(10000, 28, 28\)"):
        mnist.load()


def test_labels_of_another_set_are_refused(own_copy):
    own_copy("train-labels-idx1-ubyte.gz", (CHECKOUT / "t10k-labels-idx1-ubyte.gz").read_bytes())
    with pytest.raises(FormatError, match=r"shape \(10000,\) instead of \(60000,\)"):
        mnist.load()


def test_a_label_that_is_no_digit_is_refused_with_its_place(own_copy):
    own_copy("t10k-labels-idx1-ubyte.gz", struct.pack(">II", 2049, 10_000) + bytes(9_999) + b"\x0a")
    with pytest.raises(FormatError, match=r"label 10 is not one of 0 to 9 \(at byte 10007\)"):
        mnist.load()
