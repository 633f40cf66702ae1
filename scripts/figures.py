"""Draws the figures of docs/attention.md, from the file that `rushlight train shakespeare` saves.

python scripts/figures.py shakespeare.safetensors
"""

import math
import sys
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure

import rushlight as rl
from rushlight.data import tokenizer_of

FIGURES = Path(__file__).parent.parent / "docs" / "figures"
STEPS = 100  # in an epoch of the recipe
LINE = "What say you, my good lord?"
BLOCK = 0
DPI = 100


def draw_losses(facts: dict[str, Any], path: Path) -> None:
    """Draw the mean loss of each epoch, and the validation loss at the end."""
    losses = facts["losses"]
    steps = [STEPS * (epoch + 0.5) for epoch in range(len(losses))]
    figure = Figure(figsize=(6.4, 3.2), layout="constrained")
    axes = figure.subplots()
    axes.plot([0, *steps], [math.log(65), *losses], color="tab:blue", label="training")
    final = facts["validation_loss"]
    label = f"validation at the end: {final:.2f}"
    axes.axhline(final, color="tab:orange", linestyle="--", linewidth=1, label=label)
    axes.set(xlabel="step", ylabel="loss", xlim=(0, STEPS * len(losses)), ylim=(1.5, 4.3))
    axes.legend(frameon=False)
    figure.savefig(path, dpi=DPI)


def draw_attention(model: Any, ids: Any, path: Path) -> None:
    """Draw where each place of a line looks, a picture a head."""
    with rl.no_grad():
        x = model.positions(model.tokens(ids))
        for block in model.blocks[:BLOCK]:
            x = block(x)
        block = model.blocks[BLOCK]
        weights = block.attention.weights(block.norm1(x)).numpy()[0]
    figure = Figure(figsize=(7.2, 7.2), layout="constrained")
    places = np.arange(len(LINE))
    for axes, head in zip(figure.subplots(2, 2).flat, weights, strict=True):
        axes.imshow(np.sqrt(head), cmap="Blues", vmin=0.0, vmax=1.0)
        axes.set_xticks(places, list(LINE), fontsize=8, family="monospace")
        axes.set_yticks(places, list(LINE), fontsize=8, family="monospace")
        axes.tick_params(length=0)
    figure.savefig(path, dpi=DPI)


def main() -> None:
    loaded = rl.load(sys.argv[1])
    FIGURES.mkdir(exist_ok=True)
    draw_losses(loaded.training, FIGURES / "shakespeare-loss.png")
    ids = tokenizer_of(loaded.task).encode(LINE)[None]
    draw_attention(loaded.model, ids, FIGURES / "attention.png")


if __name__ == "__main__":
    main()
