"""The SMS Spam Collection: 5,574 text messages, each labelled ham or spam.

Source: T. A. Almeida, J. M. Gómez Hidalgo, A. Yamakami, "Contributions to the study of SMS spam
filtering: new collection and results", DocEng 2011.
"""

from rushlight.core.errors import FormatError
from rushlight.data.files import DataFile, fetch, read_text

MESSAGES = 5574
LABELS = ("ham", "spam")

FILE = DataFile(
    "sms_spam/SMSSpamCollection",
    "text",
    477_907,
    "1949b64a224790d01335c2bf8a0e48b2",
    (
        "https://archive.ics.uci.edu/static/public/228/sms+spam+collection.zip#SMSSpamCollection",
        "https://archive.ics.uci.edu/ml/machine-learning-databases/00228/smsspamcollection.zip"
        "#SMSSpamCollection",
    ),
)


def load() -> list[tuple[str, str]]:
    """Return the messages in their order, as (label, text), from this machine or downloaded.

    Raises DataError where the file can neither be found nor downloaded, FormatError for one that
    is not exactly 5,574 lines of a label, a tab and a text.

    >>> load()[1]
    ('ham', 'Ok lar... Joking wif u oni...')
    """
    path = fetch(FILE)
    lines = read_text(path).split("\n")
    if lines.pop() != "":
        raise FormatError("the last line does not end", path=path)
    messages = []
    for number, line in enumerate(lines, start=1):
        label, tab, text = line.partition("\t")
        if label not in LABELS or not tab or not text or "\t" in text:
            raise FormatError(
                f"line {number} is not ham or spam, a tab and a text: {line[:40]!r}", path=path
            )
        messages.append((label, text))
    if len(messages) != MESSAGES:
        raise FormatError(f"{len(messages)} messages instead of {MESSAGES}", path=path)
    return messages
