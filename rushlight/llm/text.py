"""Writing on: text in, text out, piece by piece as it is made."""

from collections.abc import Iterator, Sequence
from typing import Any

from rushlight.core.errors import DataError, UsageError
from rushlight.data.codec import Codec
from rushlight.llm.generate import Decoder, generate
from rushlight.llm.sampler import Sampler


class TextGenerator:
    """A language model with its tokenizer, which goes on with texts.

    Args:
        model: such as a `models.GPT`.
        tokenizer: gives texts as ids, and ids as text.
        cache: as for `Decoder`.

    >>> from rushlight.data import CharTokenizer
    >>> from rushlight.models import GPT
    >>> tokenizer = CharTokenizer("ab")
    >>> writer = TextGenerator(GPT(2, layers=1, heads=1, width=4, block=8), tokenizer)
    >>> pieces = list(writer.write("ab", tokens=5))
    >>> len(pieces), len("".join(pieces))
    (5, 5)
    """

    def __init__(self, model: Any, tokenizer: Codec, cache: bool = True) -> None:
        self.tokenizer = tokenizer
        self.decoder = Decoder(model, cache=cache)

    def write(
        self,
        prompt: str,
        tokens: int,
        sampler: Sampler | None = None,
        stop: str | Sequence[str] = (),
    ) -> Iterator[str]:
        """Return an iterator over the pieces of text that follow a prompt, made as it is asked.

        It ends after so many tokens, at the tokenizer's end of a text, and before a text in `stop`.

        Args:
            prompt: what to go on with: one token or more.
            tokens: the most that are written.
            sampler: chooses them; `Sampler()` if None.
            stop: texts that end it; they are not given.

        Raises DataError for a prompt that is empty, or that the tokenizer refuses.
        """
        stops = _Stops([stop] if isinstance(stop, str) else stop)
        ids = self.tokenizer.encode(prompt)
        if len(ids) == 0:
            raise DataError("a text is gone on with from one token or more", hint=r'try "\n"')
        chosen = generate(self.decoder, ids[None], tokens, sampler)
        return self._pieces(chosen, stops)

    def _pieces(self, chosen: Iterator[Any], stops: "_Stops") -> Iterator[str]:
        text = self.tokenizer.decoder()
        end = self.tokenizer.end if "end" in self.tokenizer.specials else None
        for (token,) in chosen:
            if token == end:
                break
            yield from stops.push(text.push(int(token)))
            if stops.met:
                return
        yield from stops.push(text.finish())
        yield from stops.rest()


class _Stops:
    """Lets text through up to the first of some texts; what may be its beginning waits."""

    def __init__(self, texts: Sequence[str]) -> None:
        if not all(isinstance(text, str) and text for text in texts):
            raise UsageError(f"stop is a text, or a list of texts, not {texts!r:.60}")
        self.texts = list(texts)
        self.met = False
        self._waiting = ""

    def push(self, piece: str) -> Iterator[str]:
        """Yield what can be given now that a piece has come."""
        given = self._waiting + piece
        found = [place for place in map(given.find, self.texts) if place >= 0]
        self.met = bool(found)
        ready = min(found) if found else len(given) - self._begun(given)
        self._waiting = given[ready:]
        if ready:
            yield given[:ready]

    def rest(self) -> Iterator[str]:
        """Yield what still waits, now that nothing more comes."""
        if self._waiting and not self.met:
            yield self._waiting

    def _begun(self, given: str) -> int:
        """Return how many characters at the end may be the beginning of a text."""
        longest = max(map(len, self.texts), default=1) - 1
        for count in range(min(longest, len(given)), 0, -1):
            if any(text.startswith(given[-count:]) for text in self.texts):
                return count
        return 0
