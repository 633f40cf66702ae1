"""The minibatches that training and evaluation run over."""

from rushlight.core.errors import UsageError
from rushlight.data.dataset import Dataset
from rushlight.data.items import Items
from rushlight.data.loader import DataLoader

Data = DataLoader | Dataset | Items

TRAIN_BATCH = 32
EVALUATE_BATCH = 256


def as_loader(data: Data, *, train: bool) -> DataLoader:
    """Return `data` if it is a loader; a data set becomes batches, shuffled for training.

    Raises:
        UsageError: `data` is neither.

    >>> as_loader(Dataset(range(100)), train=True).batch_size
    32
    """
    if isinstance(data, DataLoader):
        return data
    if not isinstance(data, (Dataset, Items)):
        raise UsageError(
            f"data is a DataLoader or a Dataset, not {type(data).__name__}",
            hint="DataLoader(Dataset(inputs, labels), batch_size=32, shuffle=True)",
        )
    return DataLoader(data, TRAIN_BATCH if train else EVALUATE_BATCH, shuffle=train)
