"""How much there is to compute, from the shapes of the layers."""

from collections.abc import Sequence


def forward_flop(layers: Sequence[int]) -> int:
    """Return the additions and multiplications of a forward pass.

    Args:
        layers: the multiply-adds of each layer for one picture.
    """
    return 2 * sum(layers)


def training_flop(layers: Sequence[int]) -> int:
    """Return those of forward and backward pass.

    The gradients of the weights take as much as the forward pass, and so do those of the inputs,
    which the first layer is not asked for.
    """
    return 2 * (3 * sum(layers) - layers[0])
