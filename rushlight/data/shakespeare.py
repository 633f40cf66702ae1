"""Tiny Shakespeare: 1.1 MB of his plays, for models that write one character after another.

Source: collected by A. Karpathy for char-rnn, 2015; the text is in the public domain.
"""

from rushlight.core.errors import FormatError
from rushlight.data.files import DataFile, fetch, read_text

FILE = DataFile(
    "tinyshakespeare/input.txt",
    "text",
    1_115_394,
    "6fb458f1232090904fb40fe944165e91",
    (
        "https://raw.githubusercontent.com/karpathy/char-rnn/master/data/tinyshakespeare/input.txt",
        "https://storage.googleapis.com/download.tensorflow.org/data/shakespeare.txt",
    ),
)


def load() -> str:
    """Return the whole text, 1,115,394 characters, from this machine or downloaded.

    Raises DataError where the file can neither be found nor downloaded, FormatError for an empty
    file or one that is not UTF-8.

    >>> load()[:14]
    'First Citizen:'
    """
    path = fetch(FILE)
    text = read_text(path)
    if not text:
        raise FormatError("the file is empty", path=path)
    return text
