"""MNIST: 70,000 handwritten digits.

Source: Y. LeCun, C. Cortes, C. J. C. Burges, The MNIST database of handwritten digits.
"""

from rushlight.data.files import DataFile
from rushlight.data.idx import PictureSet, load_set

MIRRORS = (
    "https://ossci-datasets.s3.amazonaws.com/mnist/",
    "https://storage.googleapis.com/cvdf-datasets/mnist/",
)


def _file(name: str, size: int, md5: str) -> DataFile:
    return DataFile(f"mnist/{name}", "gzip", size, md5, tuple(url + name for url in MIRRORS))


TRAIN_IMAGES = _file(
    "train-images-idx3-ubyte.gz", 16 + 60_000 * 784, "6bbc9ace898e44ae57da46a324031adb"
)
TRAIN_LABELS = _file("train-labels-idx1-ubyte.gz", 8 + 60_000, "a25bea736e30d166cdddb491f175f624")
TEST_IMAGES = _file(
    "t10k-images-idx3-ubyte.gz", 16 + 10_000 * 784, "2646ac647ad5339dbf082846283269ea"
)
TEST_LABELS = _file("t10k-labels-idx1-ubyte.gz", 8 + 10_000, "27ae3e4e09519cfbb04c329615203637")


def load() -> PictureSet:
    """Return MNIST from this machine, or download it first (11 MB).

    Raises DataError where it can neither be found nor downloaded, FormatError for a broken file.

    >>> digits = load()
    >>> digits.train_images.shape, digits.test_labels[:5].tolist()
    ((60000, 28, 28), [7, 2, 1, 0, 4])
    """
    return load_set(TRAIN_IMAGES, TRAIN_LABELS, TEST_IMAGES, TEST_LABELS)
