"""Averages of the weights over the steps of training, to evaluate and ship instead of the last."""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

import numpy as np

from rushlight.core.dtypes import DType
from rushlight.core.mode import mode, no_grad
from rushlight.nn.module import Module
from rushlight.nn.state import State, load_state
from rushlight.optim.groups import at_least, check_switch, number, trainable
from rushlight.tensor import Tensor


class Average(ABC):
    """Follows weights with an average of them; `update()` goes after each optimiser step.

    The first update takes the weights as they are. `fit(..., average=...)` updates, validates with
    the averages and keeps them in checkpoints. Buffers, such as a batch norm's statistics, are
    running averages already and stay the model's.

    Args:
        weights: a module, or its parameters; float tensors that no op made, each once.

    Attributes:
        weights: the parameters by name, or by position where they were given as a list.
        averages: of each of them, a tensor.
        count: updates made, a float64 scalar.
    """

    def __init__(self, weights: Module | Iterable[Tensor]) -> None:
        self.weights: dict[str, Tensor] = {}
        if isinstance(weights, Module):
            self.weights.update(weights.named_parameters())
        else:
            self.weights.update((str(i), weight) for i, weight in enumerate(trainable(weights, [])))
        self.averages = {name: _copy(name, weight) for name, weight in self.weights.items()}
        self.count = number("average.count", 0.0)

    @abstractmethod
    def share(self, count: Tensor) -> Tensor:
        """Return how much of the weights the update of this number takes, both float64."""

    def update(self) -> None:
        """Take the weights as they are now into the averages; also inside a traced step."""
        mode.evaluator.watch(self, "count", self.count)
        with no_grad():
            self.count.assign(self.count + 1.0)
            share = self.share(self.count)
            cast: dict[DType, tuple[Tensor, Tensor]] = {}
            for name, weight in self.weights.items():
                if weight.dtype not in cast:
                    cast[weight.dtype] = share.cast(weight.dtype), (1.0 - share).cast(weight.dtype)
                new, old = cast[weight.dtype]
                average = self.averages[name]
                average.assign(average * old + weight.detach() * new)

    def swap(self) -> None:
        """Exchange the weights and their averages; a second time, back again."""
        with no_grad():
            for name, weight in self.weights.items():
                held = weight.detach()
                weight.assign(self.averages[name])
                self.averages[name].assign(held)

    @contextmanager
    def swapped(self) -> Iterator[None]:
        """Give the model the averages for a block, and its own weights again afterwards.

        >>> import rushlight as rl
        >>> layer = rl.nn.Linear(1, 1)
        >>> ema = EMA(layer)
        >>> with ema.swapped():
        ...     y = layer(rl.ones(1, 1))
        """
        self.swap()
        try:
            yield
        finally:
            self.swap()

    def copy_to(self, module: Module | None = None) -> None:
        """Make the averages the weights, of the module that is followed or of one like it.

        Raises:
            ModuleError, ShapeError, DTypeError: the module has other parameters.
        """
        named = self.weights if module is None else dict(module.named_parameters())
        load_state(named, self.averages, "the weights")

    def state_dict(self) -> dict[str, Tensor]:
        """Return the count and the averages by name."""
        averages = {f"weights.{name}": tensor for name, tensor in self.averages.items()}
        return {"count": self.count} | averages

    def load_state_dict(self, state: State) -> None:
        """Take over a saved state; nothing changes if anything is wrong."""
        load_state(self.state_dict(), state, type(self).__name__)


class EMA(Average):
    """The exponential moving average: the last steps count most (Polyak and Juditsky 1992).

    Args:
        weights: a module, or its parameters.
        decay: how much of the average stays at each step.
        warmup: let the decay rise with the count n as (1 + n) / (10 + n), so that the first
            weights are soon forgotten.

    >>> import rushlight as rl
    >>> w = rl.tensor([1.0])
    >>> ema = EMA([w], decay=0.75)
    >>> for value in (2.0, 4.0):
    ...     _ = w.assign([value])
    ...     ema.update()
    >>> ema.averages["0"]
    tensor([2.5])
    """

    def __init__(
        self, weights: Module | Iterable[Tensor], decay: float = 0.999, warmup: bool = False
    ) -> None:
        super().__init__(weights)
        self.decay = at_least(0.0, below=1.0)("decay", decay)
        self.warmup = check_switch("warmup", warmup)

    def share(self, count: Tensor) -> Tensor:
        first = (count <= 1.0).cast("float64")
        kept: Tensor = count * 0.0 + self.decay
        if self.warmup:
            kept = kept.minimum((1.0 + count) / (10.0 + count))
        return 1.0 - kept * (1.0 - first)


class SWA(Average):
    """The equal average of all weights since the first update (Izmailov et al. 2018).

    Begin with it once training has come near its end, at a rate that is not too low.

    >>> import rushlight as rl
    >>> w = rl.tensor([1.0])
    >>> swa = SWA([w])
    >>> for value in (2.0, 4.0):
    ...     _ = w.assign([value])
    ...     swa.update()
    >>> swa.averages["0"]
    tensor([3.])
    """

    def share(self, count: Tensor) -> Tensor:
        return 1.0 / count


def _copy(name: str, weight: Tensor) -> Tensor:
    made = Tensor(np.array(weight.numpy(), order="K"))
    made.name = f"average.{name}"
    return made
