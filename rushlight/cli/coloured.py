"""Words in colours that say how much each of them decided."""

from collections.abc import Sequence

from rich.console import Console
from rich.style import Style
from rich.text import Text

from rushlight.data.pictures import printable
from rushlight.train.explain import Reason

FOR, AGAINST = (200, 90, 0), (0, 100, 200)  # told apart by colour-blind people too
_FAINT = 0.05  # of the strongest; words that decide less have no colour


def print_words(words: Sequence[Reason], console: Console | None = None) -> None:
    """Print words: orange for the label, blue against it, underlined where they are not known."""
    console = console or Console(highlight=False)
    strongest = max((abs(word.score) for word in words), default=0.0) or 1.0
    line = Text("  ")
    for word in words:
        line.append(printable(word.text, console.encoding), _style(word, word.score / strongest))
        line.append(" ")
    console.print(line)


def _style(word: Reason, share: float) -> Style:
    """Return a background that is the stronger the more a word decides."""
    if abs(share) < _FAINT:
        return Style(underline=not word.known)
    red, green, blue = (round(abs(share) * part) for part in (FOR if share > 0 else AGAINST))
    return Style(color="white", bgcolor=f"rgb({red},{green},{blue})", underline=not word.known)
