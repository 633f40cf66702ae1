from collections import Counter

import pytest

from rushlight.core.errors import FormatError
from rushlight.data import sms


@pytest.fixture
def collection(monkeypatch, tmp_path):
    """Puts a file of the test's own in the place of the collection."""
    path = tmp_path / "sms_spam" / "SMSSpamCollection"
    path.parent.mkdir()
    monkeypatch.setenv("RUSHLIGHT_DATA_DIR", str(tmp_path))
    return path


def test_the_collection_has_its_messages():
    messages = sms.load()
    assert len(messages) == 5574
    assert Counter(label for label, _ in messages) == {"ham": 4827, "spam": 747}
    assert messages[-1] == ("ham", "Rofl. Its true to its name")
    assert messages[5][0] == "spam"
    assert messages[5][1].endswith("Tb ok! XxX std chgs to send, £1.50 to rcv")


def test_no_message_keeps_a_line_end_or_a_tab():
    assert [text for _, text in sms.load() if set(text) & set("\r\n\t") or not text] == []


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_both_line_ends_are_read(collection, end):
    collection.write_bytes(f"ham\thello{end}".encode() * 5574)
    assert sms.load() == [("ham", "hello")] * 5574


@pytest.mark.parametrize(
    "line", ["", "ham", "ham\t", "Ham\thello", "\thello", "ham hello", "ham\ta\tb", "\ufeffham\ta"]
)
def test_a_line_that_is_no_message_is_refused_with_its_number(collection, line):
    collection.write_text(f"ham\tfine\n{line}\nham\tfine\n", encoding="utf-8")
    with pytest.raises(FormatError, match="line 2 is not ham or spam, a tab and a text"):
        sms.load()


def test_a_long_wrong_line_is_quoted_in_part(collection):
    collection.write_text("x" * 100_000 + "\n")
    with pytest.raises(FormatError) as caught:
        sms.load()
    assert len(str(caught.value)) < 1000


@pytest.mark.parametrize("count", [0, 1, 5573, 5575])
def test_another_number_of_messages_is_refused(collection, count):
    collection.write_text("spam\tWin!\n" * count)
    with pytest.raises(FormatError, match=f"{count} messages instead of 5574"):
        sms.load()


def test_a_last_line_without_an_end_is_refused(collection):
    collection.write_text("ham\thello\n" * 5573 + "ham\thel")
    with pytest.raises(FormatError, match="the last line does not end"):
        sms.load()
