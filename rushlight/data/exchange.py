"""Questions and answers of limited length, for networks that read a text and write another."""

from collections.abc import Mapping, Sequence
from typing import Any, final

import numpy as np
from numpy.typing import NDArray

from rushlight.core.errors import DataError, FormatError, UsageError
from rushlight.data.characters import CharTokenizer

LONGEST = 1 << 16  # characters of both together

Ids = NDArray[np.int64]


@final
class Exchange:
    """A question and its answer as ids, both from their last character on, as one adds on paper.

    What the network reads is the question turned round, padding up to the length of the longest,
    and the token `begin` once for each character of the answer: at those places it says what the
    answer is, turned round and padded likewise.

    Args:
        tokenizer: of the characters of both, with the special tokens "padding" and "begin".
        question: characters of the longest question.
        answer: characters of the longest answer.

    Raises UsageError for lengths that make no sense, and for a tokenizer without those tokens.

    >>> digits = CharTokenizer("+0123456789", specials=("padding", "begin"))
    >>> sums = Exchange(digits, question=5, answer=3)
    >>> sums.asked(["9+12"]).tolist(), sums.answered(["21"]).tolist(), sums.read([4, 5, 0])
    ([[5, 4, 2, 12, 0, 1, 1, 1]], [[4, 5, 0]], '21')
    """

    def __init__(self, tokenizer: CharTokenizer, question: int, answer: int) -> None:
        for name, length in (("question", question), ("answer", answer)):
            if type(length) is not int or length < 1:
                raise UsageError(f"{name} is an int of at least 1, not {length!r:.40}")
        if question + answer > LONGEST:
            raise UsageError(f"both together are at most {LONGEST}, not {question + answer}")
        for name in ("padding", "begin"):
            if name not in tokenizer.specials:
                raise UsageError(f"there is no token {name!r}", hint=f'specials=("{name}",)')
        self.tokenizer = tokenizer
        self.question = question
        self.answer = answer

    def asked(self, texts: Sequence[str]) -> Ids:
        """Return what the network reads of n questions, int64 (n, question + answer).

        Raises DataError for a text that is empty or too long, or has a character that is not known.
        """
        begin = np.full((len(texts), self.answer), self.tokenizer.begin)
        return np.concatenate([self._turned(texts, self.question, "a question"), begin], 1)

    def answered(self, texts: Sequence[str]) -> Ids:
        """Return what the network is to say, int64 (n, answer); raises as `asked`."""
        return self._turned(texts, self.answer, "an answer")

    def read(self, ids: Any) -> str:
        """Return the answer that ids (answer,) say."""
        return self.tokenizer.decode(ids)[::-1]

    def _turned(self, texts: Sequence[str], length: int, what: str) -> Ids:
        for text in texts:
            if not 0 < len(text) <= length:
                fact = f"{what} has 1 to {length} characters, {text!r:.40} has {len(text)}"
                raise DataError(fact)
        try:
            ids = self.tokenizer.encode("".join(text[::-1] for text in texts))
        except DataError as error:
            hint = f"{what} is made of {self.tokenizer.characters:.60}"
            raise DataError(error.fact, hint=hint) from None
        lengths = np.array([len(text) for text in texts], np.int64)
        rows = np.full((len(texts), length), self.tokenizer.padding)
        rows[np.arange(length) < lengths[:, np.newaxis]] = ids
        return rows

    def to_task(self) -> dict[str, Any]:
        """Return what the task of a model file says of it, as plain values."""
        return {"question": self.question, "answer": self.answer, **self.tokenizer.to_task()}

    @classmethod
    def from_task(cls, task: Mapping[str, Any]) -> "Exchange":
        """Return what `to_task` described; raises FormatError for anything else."""
        tokenizer = CharTokenizer.from_task(task)
        try:
            return cls(tokenizer, task.get("question", 0), task.get("answer", 0))
        except UsageError as error:
            raise FormatError(error.fact) from None
