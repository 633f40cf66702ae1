"""Draws the figures of docs/recurrence.md, one from what `rushlight train names` saves.

python scripts/recurrence_figures.py names.safetensors
"""

import math
import sys
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure

import rushlight as rl

FIGURES = Path(__file__).parent.parent / "docs" / "figures"
HIDDEN, TIME, BATCH = 32, 80, 16
PAIRS = 2.54  # the loss of telling a letter from the one before it
DPI = 100


def networks() -> dict[str, Any]:
    """Return layers as they begin, and an LSTM whose forget gates begin nearly open."""
    rl.manual_seed(0)
    made: dict[str, Any] = {
        "RNN": rl.nn.RNN(HIDDEN, HIDDEN),
        "GRU": rl.nn.GRU(HIDDEN, HIDDEN),
        "LSTM": rl.nn.LSTM(HIDDEN, HIDDEN),
        "LSTM, gates open": rl.nn.LSTM(HIDDEN, HIDDEN),
    }
    bias = made["LSTM, gates open"].bias_ih_l0
    bias.assign(bias.replace(slice(HIDDEN, 2 * HIDDEN), 3.0))
    return made


def sizes(layer: Any) -> Any:
    """Return the size of the gradient of the last output by each input, the last one first."""
    x = rl.randn(BATCH, TIME, HIDDEN).requires_grad_()
    outputs, _ = layer(x)
    outputs[:, -1].sum().backward()
    norms = np.linalg.norm(x.grad.numpy(), axis=2).mean(0)[::-1]
    return norms / norms[0]


def draw_distances(path: Path) -> None:
    figure = Figure(figsize=(6.4, 3.6), layout="constrained")
    axes = figure.subplots()
    for name, layer in networks().items():
        axes.semilogy(sizes(layer), label=name)
    axes.set(xlabel="steps back", ylabel="gradient", xlim=(0, TIME - 1), ylim=(1e-12, 3.0))
    axes.legend(frameon=False)
    figure.savefig(path, dpi=DPI)


def draw_losses(facts: dict[str, Any], path: Path) -> None:
    figure = Figure(figsize=(6.4, 3.2), layout="constrained")
    axes = figure.subplots()
    epochs = np.arange(1, len(facts["losses"]) + 1)
    axes.plot([0, *epochs], [math.log(53), *facts["losses"]], label="training, with dropout")
    axes.plot(epochs, facts["validation_losses"], label="names that it never saw")
    axes.axhline(PAIRS, color="gray", linestyle="--", linewidth=1, label="pairs of letters")
    axes.set(xlabel="epoch", ylabel="loss", xlim=(0, epochs[-1]))
    axes.legend(frameon=False)
    figure.savefig(path, dpi=DPI)


def main() -> None:
    FIGURES.mkdir(exist_ok=True)
    draw_distances(FIGURES / "gradient-distance.png")
    draw_losses(rl.load(sys.argv[1]).training, FIGURES / "names-loss.png")


if __name__ == "__main__":
    main()
