"""Which words decided, as `rushlight predict --why` shows it."""

import sys

from rushlight.core.lazy import load
from rushlight.data.pictures import can_show, printable
from rushlight.train.explain import Explanation

MOST = 12  # tokens with a line each
LONGEST = 30  # characters of a token
BAR = 20  # characters of the longest bar


def show_why(why: Explanation, label: str) -> None:
    """Print what decided; on a terminal, the text as it was read too, with coloured words."""
    if sys.stdout.isatty():
        coloured = load("rushlight.cli.coloured")  # brings `rich`, which takes a while to import
        coloured.print_words(why.words)
    print(render_why(why, label, sys.stdout.encoding), flush=True)


def render_why(why: Explanation, label: str, encoding: str | None = "utf-8") -> str:
    """Draw what the tokens add to the score of a label as bars, the strongest first.

    Args:
        why: what decided.
        label: for which it speaks.
        encoding: what the stream can take.

    >>> from rushlight.train.explain import Reason
    >>> words = (Reason("free", 2.0, attention=0.75), Reason("lnch", -1.0, False, 0.25))
    >>> print(render_why(Explanation(words, words, 0.5), "spam"))
      for spam (+) or against it (-)           attention
      free        +2.00  ████████████████████        75%
      lnch        -1.00  ░░░░░░░░░░                  25%  not seen in training
      the rest    +0.50
    """
    ranked = sorted(why.tokens, key=lambda token: -abs(token.score))
    shown, others = ranked[:MOST], ranked[MOST:]
    names = [printable(token.text, encoding)[:LONGEST] for token in shown]
    sums = [("the rest", why.rest)]
    if others:
        sums.insert(0, (f"{len(others)} others", sum(token.score for token in others)))
    width = max(map(len, [*names, *(name for name, _ in sums)]))
    attends = any(token.attention is not None for token in shown)
    title = f"  for {printable(label, encoding)} (+) or against it (-)"
    lines = [f"{title:<{width + 33}}  attention" if attends else title]
    longest = max((abs(token.score) for token in shown), default=0.0) or 1.0
    for name, token in zip(names, shown, strict=True):
        bar = _bar(token.score / longest, encoding)
        share = "" if token.attention is None else f"  {token.attention:>9.0%}"
        unseen = "" if token.known else "  not seen in training"
        lines.append(
            f"  {name:<{width}}  {token.score:+7.2f}  {bar:<{BAR}}{share}{unseen}".rstrip()
        )
    lines += [f"  {name:<{width}}  {total:+7.2f}" for name, total in sums]
    return "\n".join(lines)


def _bar(share: float, encoding: str | None) -> str:
    signs = "█░" if can_show("█░", encoding) else "+-"
    return signs[share < 0] * round(abs(share) * BAR)
