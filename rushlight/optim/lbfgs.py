"""L-BFGS: a quasi-Newton method for losses that can be asked again and again."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import numpy.typing as npt

from rushlight.core.errors import UsageError
from rushlight.nn.state import State, load_state
from rushlight.optim.arguments import explained
from rushlight.optim.groups import (
    at_least,
    check_number,
    check_steps,
    check_switch,
    number,
    rate_of,
    trainable,
)
from rushlight.optim.wolfe import Point, line_search
from rushlight.tensor import Tensor

Closure = Callable[[], Tensor]
Vector = npt.NDArray[np.float64]


class LBFGS:
    """Steps along the gradient as the curvature seen lately bends it (Liu and Nocedal 1989).

    `step(closure)` asks the closure for the loss several times; the closure clears the gradients,
    goes back and returns the loss, and may be compiled. What surrounds it is not: L-BFGS decides by
    values. So it is no optimiser for `fit`, but for a loop of one's own over all data at once.
    Formulas and stopping rules as in PyTorch; vectors are kept in float64.

    Args:
        parameters: float tensors that no op made, each once.
        lr: the step length to begin with.
        max_iter: directions a step takes.
        max_eval: calls of the closure in a step; a quarter more than `max_iter` if None.
        tolerance_grad: the largest element of a gradient at which all is done.
        tolerance_change: the least change of weights or loss that is worth going on for.
        history: pairs of changes that are remembered.
        wolfe: search along each direction until the strong Wolfe conditions hold.

    >>> import rushlight as rl
    >>> w = rl.tensor([-1.0, 2.0], requires_grad=True)
    >>> optimizer = LBFGS([w], wolfe=True)
    >>> def closure():
    ...     optimizer.zero_grad()
    ...     x, y = w[0], w[1]
    ...     loss = (1 - x) ** 2 + 100 * (y - x * x) ** 2
    ...     loss.backward()
    ...     return loss
    >>> for _ in range(4):
    ...     loss = optimizer.step(closure)
    >>> [round(value, 3) for value in w.tolist()]
    [1.0, 1.0]
    """

    @explained
    def __init__(
        self,
        parameters: Iterable[Tensor],
        lr: float = 1.0,
        max_iter: int = 20,
        max_eval: int | None = None,
        tolerance_grad: float = 1e-7,
        tolerance_change: float = 1e-9,
        history: int = 100,
        wolfe: bool = False,
    ) -> None:
        self.parameters = trainable(parameters, [])
        self._lr = number("lr", check_number("lr", lr, low=0.0))
        self.max_iter = check_steps("max_iter", max_iter)
        most = self.max_iter * 5 // 4 if max_eval is None else max_eval
        self.max_eval = check_steps("max_eval", most)
        self.tolerance_grad = at_least(0.0)("tolerance_grad", tolerance_grad)
        self.tolerance_change = at_least(0.0)("tolerance_change", tolerance_change)
        self.history = check_steps("history", history)
        self.wolfe = check_switch("wolfe", wolfe)
        size = sum(parameter.size for parameter in self.parameters)
        shapes = {
            "count": (),  # directions taken
            "held": (),  # pairs in memory
            "curvature": (),
            "length": (),  # of the last step along the direction
            "direction": (size,),
            "gradient": (size,),  # at the beginning of the last direction
            "changes": (self.history, size),  # of the gradient
            "moves": (self.history, size),  # of the weights
        }
        self._state = {name: np.zeros(shape) for name, shape in shapes.items()}

    @property
    def lr(self) -> Tensor:
        """The step length to begin with; a number assigned to it becomes its value."""
        return self._lr

    @lr.setter
    def lr(self, value: Any) -> None:
        self._lr.assign(rate_of(value))

    def zero_grad(self) -> None:
        """Forget the gradients of all parameters."""
        for parameter in self.parameters:
            parameter.grad = None

    def step(self, closure: Closure) -> Tensor:
        """Take up to `max_iter` directions; return the loss before.

        Raises:
            UsageError: the closure returns no loss, or this is being traced.
        """
        if not callable(closure):
            fact = "LBFGS.step needs a function that goes back and returns the loss"
            raise UsageError(fact, hint="def closure(): ...; optimizer.step(closure)")
        before = self._ask(closure)
        loss, g = float(before.item()), self._gradient()
        evaluations, taken = 1, 0
        while np.abs(g).max(initial=0.0) > self.tolerance_grad and taken < self.max_iter:
            taken += 1
            direction, length = self._direct(g)
            slope = float(g @ direction)
            if slope > -self.tolerance_change:
                break
            last = loss
            here = Point(0.0, loss, g, slope)
            with self._kept():
                found, asked = self._move(closure, here, direction, length, taken, evaluations)
            loss, g, evaluations = found.loss, found.gradient, evaluations + asked
            self._state["length"] = np.array(found.length)
            if evaluations >= self.max_eval:
                break
            small = np.abs(direction * found.length).max(initial=0.0) <= self.tolerance_change
            if small or abs(loss - last) < self.tolerance_change:
                break
        return before

    @contextmanager
    def _kept(self) -> Iterator[None]:
        """Put the parameters back if the closure fails or is interrupted."""
        start = [parameter.numpy() for parameter in self.parameters]
        try:
            yield
        except BaseException:
            self._place(start, np.zeros_like(self._state["direction"]))
            self._state["length"] = np.array(0.0)  # nothing was moved that there is to learn from
            raise

    def _direct(self, g: Vector) -> tuple[Vector, float]:
        """Remember how the last move changed the gradient; return the direction and its length."""
        state, lr = self._state, float(self.lr.item())
        state["count"] = state["count"] + 1.0
        if state["count"] == 1.0:
            direction = -g
            length = min(1.0, 1.0 / float(np.abs(g).sum())) * lr
            state["curvature"] = np.array(1.0)
        else:
            self._remember(g - state["gradient"], state["direction"] * state["length"])
            direction, length = self._bend(g), lr
        state["direction"], state["gradient"] = direction, g.copy()
        state["length"] = np.array(length)
        return direction, length

    def _remember(self, change: Vector, move: Vector) -> None:
        state = self._state
        product = float(change @ move)
        if product <= 1e-10:
            return
        held = int(state["held"])
        if held == self.history:
            for name in ("changes", "moves"):
                state[name][:-1] = state[name][1:].copy()
            held -= 1
        state["changes"][held], state["moves"][held] = change, move
        state["held"] = np.array(held + 1.0)
        state["curvature"] = np.array(product / float(change @ change))

    def _bend(self, g: Vector) -> Vector:
        """Return minus the gradient, times the inverse curvature (the two-loop recursion)."""
        held = int(self._state["held"])
        changes, moves = self._state["changes"][:held], self._state["moves"][:held]
        weights = np.zeros(held)
        direction = -g
        for i in reversed(range(held)):
            weights[i] = moves[i] @ direction / (changes[i] @ moves[i])
            direction = direction - weights[i] * changes[i]
        direction = direction * float(self._state["curvature"])
        for i in range(held):
            back = changes[i] @ direction / (changes[i] @ moves[i])
            direction = direction + moves[i] * (weights[i] - back)
        return direction

    def _move(
        self,
        closure: Closure,
        here: Point,
        direction: Vector,
        length: float,
        taken: int,
        evaluations: int,
    ) -> tuple[Point, int]:
        """Move along the direction; return where that led, and how often the closure was asked."""
        start = [parameter.numpy() for parameter in self.parameters]

        def at(length: float) -> Point:
            self._place(start, length * direction)
            loss = float(self._ask(closure).item())
            g = self._gradient()
            return Point(length, loss, g, float(g @ direction))

        if not self.wolfe:
            if taken < self.max_iter:  # where nothing comes after it, nobody needs to know
                return at(length), 1
            self._place(start, length * direction)
            return Point(length, here.loss, here.gradient, here.slope), 0
        widest = float(np.abs(direction).max(initial=0.0))
        most = self.max_eval - evaluations
        found, asked = line_search(at, here, length, widest, self.tolerance_change, most)
        self._place(start, found.length * direction)
        return found, asked

    def _ask(self, closure: Closure) -> Tensor:
        loss = closure()
        if not isinstance(loss, Tensor) or loss.size != 1:
            kind = f"{loss.spec}" if isinstance(loss, Tensor) else type(loss).__name__
            raise UsageError(f"the closure must return the loss, a scalar, not {kind}")
        return loss.detach()

    def _gradient(self) -> Vector:
        """Return all gradients, one after the other; zeros where there is none."""
        parts = [
            np.zeros(parameter.size) if parameter.grad is None else parameter.grad.numpy().ravel()
            for parameter in self.parameters
        ]
        return np.concatenate(parts).astype(np.float64)

    def _place(self, start: list[npt.NDArray[Any]], move: Vector) -> None:
        """Set the parameters to where they started, and moved."""
        first = 0
        for parameter, values in zip(self.parameters, start, strict=True):
            part = move[first : first + parameter.size].reshape(parameter.shape)
            parameter.assign((values + part).astype(values.dtype))
            first += parameter.size

    def state_dict(self) -> dict[str, Tensor]:
        """Return the rate, and all that is remembered of the curvature, by name."""
        state = {name: Tensor(np.array(values)) for name, values in self._state.items()}
        return {"lr": self.lr} | state

    def load_state_dict(self, state: State) -> None:
        """Take over a saved state; nothing changes if anything is wrong.

        Raises:
            ModuleError: for missing or unexpected names, all of them listed.
            ShapeError, DTypeError: for a tensor that does not fit, named.
        """
        own = self.state_dict()
        load_state(own, state, type(self).__name__)
        self._state = {name: np.array(own[name].numpy()) for name in self._state}

    def __repr__(self) -> str:
        return f"LBFGS({len(self.parameters)} parameters, lr={self.lr.item():g})"
