"""What all optimisers share: their parameters, and their state in tensors."""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from typing import Any

from rushlight.core.errors import ModuleError, ShapeError, UsageError
from rushlight.core.mode import no_grad
from rushlight.core.primitive import Array
from rushlight.tensor import Tensor


class Optimizer(ABC):
    """Changes parameters by their gradients.

    The learning rate, the step count and the moments are tensors made when the optimiser is, so
    that a traced step carries them as state and a schedule needs no new trace.
    """

    def __init__(self, parameters: Iterable[Tensor], lr: float) -> None:
        self.parameters = list(parameters)
        if not self.parameters:
            raise UsageError("an optimiser needs at least one parameter")
        for position, parameter in enumerate(self.parameters):
            if not isinstance(parameter, Tensor):
                kind = type(parameter).__name__
                raise UsageError(f"parameter {position} is no tensor but a {kind}")
        check_number("lr", lr, low=0.0)
        self.lr = Tensor(float(lr))
        self.lr.name = "lr"
        self.moments: dict[str, list[Tensor]] = {}
        self.count: Tensor | None = None  # steps taken, for those that need to know

    def moment(self, name: str) -> list[Tensor]:
        """Make one tensor of zeros per parameter, kept with the optimiser's state."""
        made = []
        for position, parameter in enumerate(self.parameters):
            zeros = Tensor(parameter.detach() * 0.0)
            zeros.name = f"{name}.{position}"
            made.append(zeros)
        self.moments[name] = made
        return made

    @abstractmethod
    def update(self, position: int, parameter: Tensor, g: Tensor) -> Tensor:
        """Return the new values of a parameter, given its gradient."""

    def step(self) -> None:
        """Change every parameter that has a gradient."""
        with no_grad():
            if self.count is not None:
                self.count.assign(self.count + 1.0)
            for position, parameter in enumerate(self.parameters):
                g = parameter.grad
                if g is not None:
                    parameter.assign(self.update(position, parameter, g))

    def zero_grad(self) -> None:
        """Forget the gradients of all parameters."""
        for parameter in self.parameters:
            parameter.grad = None

    def backward_step(self, loss: Tensor) -> None:
        """Forget old gradients, go back from `loss` and step: a whole update in one call."""
        self.zero_grad()
        loss.backward()
        self.step()
        self.zero_grad()

    def state_dict(self) -> dict[str, Tensor]:
        """Return the learning rate, the step count and the moments by name."""
        state = {"lr": self.lr}
        if self.count is not None:
            state["count"] = self.count
        for name, tensors in self.moments.items():
            state |= {f"{name}.{position}": tensor for position, tensor in enumerate(tensors)}
        return state

    def load_state_dict(self, state: Mapping[str, Tensor | Array]) -> None:
        """Take over a saved state; nothing changes if a name or a shape does not fit."""
        own = self.state_dict()
        if own.keys() != state.keys():
            wrong = ", ".join(sorted(own.keys() ^ state.keys()))
            raise ModuleError(f"the state does not fit {type(self).__name__}: {wrong}")
        values = {name: Tensor(value) for name, value in state.items()}
        for name, value in values.items():
            if value.shape != own[name].shape:
                raise ShapeError(f"{name} has shape {own[name].shape}, the state has {value.shape}")
        for name, value in values.items():
            own[name].assign(value)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({len(self.parameters)} parameters, lr={self.lr.item():g})"


def check_number(name: str, value: Any, low: float, below: float | None = None) -> None:
    """Raise unless `value` is a finite number of at least `low`, and below `below`."""
    good = isinstance(value, (int, float)) and low <= value < (below or float("inf"))
    if not good:
        limit = f" and below {below}" if below else ""
        raise UsageError(f"{name} must be a number of at least {low:g}{limit}, not {value!r}")
