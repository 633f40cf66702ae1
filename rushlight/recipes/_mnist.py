"""What the digit recipes share: pixels as numbers, loaders, the task that their models do."""

from collections.abc import Callable
from typing import Any

from rushlight.data import DataLoader, Dataset


def pixels(shape: tuple[int, ...], scale: float) -> Callable[..., tuple[Any, Any]]:
    """Return what prepares a batch: uint8 pictures become float32 of `shape`, times `scale`."""

    def prepare(images: Any, labels: Any) -> tuple[Any, Any]:
        return images.reshape(len(images), *shape) * scale, labels

    return prepare


def batches(
    images: Any,
    labels: Any,
    batch_size: int,
    shape: tuple[int, ...] = (784,),
    scale: float = 1 / 255,
    **options: Any,
) -> DataLoader:
    """Return a loader of pictures and labels; the pictures stay uint8 until they are given."""
    prepare = pixels(shape, scale)
    return DataLoader(Dataset(images, labels), batch_size, prepare=prepare, **options)


def digit_task(shape: tuple[int, ...] = (784,), scale: float = 1 / 255) -> dict[str, Any]:
    """Return what a model file says of a network that reads digits."""
    labels = [str(digit) for digit in range(10)]
    return {
        "kind": "image-classifier",
        "labels": labels,
        "shape": list(shape),
        "scale": scale,
    }
