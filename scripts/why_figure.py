"""Draw the figure of docs/recipes.md: which words of a message decided, and where each looked.

python scripts/why_figure.py sms-attention.safetensors docs/sms-attention.svg
"""

import sys
from collections.abc import Sequence
from pathlib import Path
from xml.sax.saxutils import escape

import numpy as np
from numpy.typing import NDArray

import rushlight as rl
from rushlight.cli.coloured import AGAINST, FOR
from rushlight.models import AttentionClassifier
from rushlight.predictor import Predictor
from rushlight.train.explain import Reason

MESSAGE = "Congratulations! You won a £500 prize, call 08001234567 now"
ROW, NAMES, BARS, CELLS = 24, 140, 150, 380  # pixels: of a word; where names, bars, cells begin
TOP = 120


def text(x: float, y: float, words: str, more: str = "") -> str:
    return f'<text x="{x:g}" y="{y:g}" {more}>{escape(words)}</text>'


def box(x: float, y: float, width: float, height: float, fill: str) -> str:
    return (
        f'<rect x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{height:.1f}" fill="{fill}"/>'
    )


def why(words: Sequence[Reason]) -> list[str]:
    """Return a bar for each word: how much it speaks for the label, or against it."""
    longest = max(abs(word.score) for word in words)
    drawn = [text(BARS, TOP - 14, "adds to the score")]
    for place, word in enumerate(words):
        y = TOP + place * ROW
        length = 150 * abs(word.score) / longest
        colour = "rgb({},{},{})".format(*(FOR if word.score > 0 else AGAINST))
        drawn.append(text(NAMES, y + 16, word.text, 'text-anchor="end"'))
        drawn.append(box(BARS, y + 3, length, ROW - 6, colour))
        drawn.append(text(BARS + length + 6, y + 16, f"{word.score:+.1f}", 'class="small"'))
    return drawn


def looks(words: Sequence[str], weights: NDArray[np.float32]) -> list[str]:
    """Return a square for each token and each that it looks at, the darker the more it does."""
    drawn = [text(CELLS, 20, "looks at", 'class="small"')]
    low, high = float(weights.min()), float(weights.max())
    for place, word in enumerate(words):
        x = CELLS + place * ROW + 16
        turned = f'transform="rotate(-50 {x} {TOP - 8})" class="small"'
        drawn.append(text(x, TOP - 8, word, turned))
    for (row, column), share in np.ndenumerate(weights):
        shade = round(255 * (high - float(share)) / (high - low))
        x, y = CELLS + column * ROW, TOP + row * ROW
        drawn.append(box(x, y, ROW - 2, ROW - 2, f"rgb({shade},{shade},{shade})"))
    return drawn


def main(model: str, target: str) -> None:
    predictor = Predictor(model)
    network = predictor.model
    if not isinstance(network, AttentionClassifier):
        raise SystemExit(f"{model} is not of the recipe sms-attention")
    prediction = predictor.explain(MESSAGE)
    if prediction.why is None:
        raise SystemExit("there is no explanation")
    tokens = prediction.why.tokens
    with rl.no_grad():
        weights = network.looks(predictor.vocabulary.encode(MESSAGE)[np.newaxis])
    size = f'width="{CELLS + len(tokens) * ROW + 60}" height="{TOP + len(tokens) * ROW + 10}"'
    style = "text{font:14px sans-serif;fill:#222}.small{font-size:12px;fill:#555}"
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" {size}>',
        f'<style>{style}</style><rect width="100%" height="100%" fill="white"/>',
        *why(tokens),
        *looks([token.text for token in tokens], weights.numpy()[0].mean(0)),
        "</svg>",
    ]
    Path(target).write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:])
