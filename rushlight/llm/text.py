"""Writing on: text in, text out, piece by piece as it is made."""

import os
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from rushlight.core.errors import DataError, FormatError, UsageError
from rushlight.data.codec import Codec
from rushlight.data.tokenizers import tokenizer_of
from rushlight.formats.model import load_model
from rushlight.llm.decoder import Decoder, LanguageModel, generate
from rushlight.llm.sampler import Sampler

KIND = "text-generator"  # of a model file's task


class TextGenerator:
    """A language model with its tokenizer, which goes on with texts.

    Args:
        model: such as a `models.GPT`.
        tokenizer: gives texts as ids, and ids as text.
        cache: as for `Decoder`.

    Raises UsageError for a tokenizer that has another number of tokens than the model, and for a
    model that is not a `LanguageModel`.

    >>> from rushlight.data import CharTokenizer
    >>> from rushlight.models import GPT
    >>> gpt = GPT(2, layers=1, heads=1, width=4, block=8)
    >>> writing = TextGenerator(gpt, CharTokenizer("ab")).write("ab", tokens=5)
    >>> len("".join(writing)), writing.tokens, writing.reason
    (5, 5, 'length')
    """

    def __init__(self, model: LanguageModel, tokenizer: Codec, cache: bool = True) -> None:
        needed = ("vocabulary", "block", *["cache"] * cache)
        lacking = [name for name in needed if not hasattr(model, name)]
        if lacking:
            fact = f"{type(model).__name__} is no language model: it has no {', no '.join(lacking)}"
            raise UsageError(fact, hint="models.GPT and models.RecurrentLM have them")
        if len(tokenizer) != model.vocabulary:
            fact = f"the tokenizer has {len(tokenizer)} tokens, the model {model.vocabulary}"
            raise UsageError(fact, hint="GPT(vocabulary=len(tokenizer))")
        self.tokenizer = tokenizer
        self.decoder = Decoder(model, cache=cache)

    @classmethod
    def load(cls, path: str | os.PathLike[str], cache: bool = True) -> "TextGenerator":
        """Return the generator that a model file holds.

        Raises FormatError for a file that is broken or holds something else.
        """
        loaded = load_model(path)
        kind = loaded.task.get("kind") if loaded.task else None
        if kind != KIND:
            fact = f"its task is {kind!r:.40}" if loaded.task else "it has no task"
            hint = "rushlight predict asks other networks"
            raise FormatError(f"{fact}, not {KIND}", path=path, hint=hint)
        if not isinstance(loaded.model, LanguageModel):
            fact = f"a {type(loaded.model).__name__} does not write texts"
            raise FormatError(fact, path=path)
        try:
            return cls(loaded.model, tokenizer_of(loaded.task), cache)
        except (FormatError, UsageError) as error:
            raise FormatError(error.fact, path=path) from None

    def write(
        self,
        prompt: str,
        tokens: int,
        sampler: Sampler | None = None,
        stop: str | Sequence[str] = (),
    ) -> "Writing":
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
            raise DataError("a text is gone on with from one token or more, not from none")
        return Writing(generate(self.decoder, ids[None], tokens, sampler), self.tokenizer, stops)


class Writing(Iterator[str]):
    """The pieces of a text that is being written.

    Attributes:
        tokens: how many have been chosen.
        reason: why it ended: "length", "stop" or "end"; None before.
    """

    def __init__(self, chosen: Iterator[Any], tokenizer: Codec, stops: "_Stops") -> None:
        self.tokens = 0
        self.reason: str | None = None
        self._pieces = self._write(chosen, tokenizer, stops)

    def __next__(self) -> str:
        return next(self._pieces)

    def _write(self, chosen: Iterator[Any], tokenizer: Codec, stops: "_Stops") -> Iterator[str]:
        text = tokenizer.decoder()
        end = tokenizer.end if "end" in tokenizer.specials else None
        reason = "length"
        for (token,) in chosen:
            self.tokens += 1
            if token == end:
                reason = "end"
                break
            yield from stops.push(text.push(int(token)))
            if stops.met:
                break
        if not stops.met:
            yield from stops.push(text.finish())
        yield from stops.rest()
        self.reason = "stop" if stops.met else reason


class _Stops:
    """Lets text through up to the first of some texts; what may be its beginning waits."""

    def __init__(self, texts: Sequence[str]) -> None:
        listed = isinstance(texts, Iterable)
        if not listed or not all(isinstance(text, str) and text for text in texts):
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
