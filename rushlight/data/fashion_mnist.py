"""Fashion-MNIST: 70,000 pictures of clothes, in the files and sizes of MNIST, and harder.

Source: H. Xiao, K. Rasul, R. Vollgraf, "Fashion-MNIST: a novel image dataset for benchmarking
machine learning algorithms", arXiv:1708.07747, 2017. Checksums as published there, of the packed
files.
"""

from rushlight.data.files import DataFile
from rushlight.data.idx import PictureSet, load_set

LABELS = (
    "T-shirt/top",
    "Trouser",
    "Pullover",
    "Dress",
    "Coat",
    "Sandal",
    "Shirt",
    "Sneaker",
    "Bag",
    "Ankle boot",
)

MIRRORS = (
    "https://storage.googleapis.com/tensorflow/tf-keras-datasets/",
    "https://raw.githubusercontent.com/zalandoresearch/fashion-mnist/master/data/fashion/",
)


def _file(name: str, size: int, md5: str) -> DataFile:
    mirrors = tuple(url + name for url in MIRRORS)
    return DataFile(f"fashion_mnist/{name}", "gzip", size, md5, mirrors, md5_of="packed")


TRAIN_IMAGES = _file(
    "train-images-idx3-ubyte.gz", 16 + 60_000 * 784, "8d4fb7e6c68d591d4c3dfef9ec88bf0d"
)
TRAIN_LABELS = _file("train-labels-idx1-ubyte.gz", 8 + 60_000, "25c81989df183df01b3e8a0aad5dffbe")
TEST_IMAGES = _file(
    "t10k-images-idx3-ubyte.gz", 16 + 10_000 * 784, "bef4ecab320f06d8554ea6380940ec79"
)
TEST_LABELS = _file("t10k-labels-idx1-ubyte.gz", 8 + 10_000, "bb300cfdad3c16e7a12a480ee83cd310")


def load() -> PictureSet:
    """Return Fashion-MNIST from this machine, or download it first (30 MB).

    `LABELS` has the names of the classes. Raises DataError where it can neither be found nor
    downloaded, FormatError for a broken file.

    >>> LABELS[9]
    'Ankle boot'
    """
    return load_set(TRAIN_IMAGES, TRAIN_LABELS, TEST_IMAGES, TEST_LABELS)
