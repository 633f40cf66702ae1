"""One step of a recurrent network, the RNN's, the LSTM's and the GRU's, and cells that take it."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from rushlight.core.dtypes import DType
from rushlight.core.errors import DTypeError, ModuleError, ShapeError, did_you_mean
from rushlight.core.shapes import Shape
from rushlight.creation import zeros
from rushlight.nn.init import check_sizes, checked_flag, uniform
from rushlight.nn.module import Module, Parameter, register
from rushlight.ops.composite import linear
from rushlight.tensor import Tensor, as_tensor

States = tuple[Tensor, ...]  # the output of the last step and, for an LSTM, its memory


@dataclass(frozen=True)
class Kind:
    """What tells one kind of recurrent network from another.

    Attributes:
        gates: how many numbers are computed for each one of the output.
        tensors: how many a state is made of.
        apart: whether the bias beside the state is no mere addition to that beside the input.
        step: of what the input adds to the gates, what the state adds, and the state; gives the
            next state.
    """

    gates: int
    tensors: int
    apart: bool
    step: Callable[[Any, Any, States], States]

    def bias_beside_input(self, beside_input: Any, beside_state: Any) -> Any:
        """Return what is added to all inputs at once."""
        return beside_input if self.apart or beside_input is None else beside_input + beside_state

    def next(self, x: Tensor, states: States, weight: Tensor, bias: Tensor | None) -> States:
        """Return the state after one more step.

        Args:
            x: what the input adds to the gates, (..., gates * hidden).
            states: those before, each (..., hidden).
            weight: beside the state, (gates * hidden, hidden).
            bias: beside the state.
        """
        return self.step(x, linear(states[0], weight, bias if self.apart else None), states)


def _tanh(x: Any, h: Any, states: States) -> States:
    return ((x + h).tanh(),)


def _relu(x: Any, h: Any, states: States) -> States:
    return ((x + h).relu(),)


def _lstm(x: Any, h: Any, states: States) -> States:
    take_in, keep, new, give_out = (x + h).chunk(4, -1)
    memory = keep.sigmoid() * states[1] + take_in.sigmoid() * new.tanh()
    return give_out.sigmoid() * memory.tanh(), memory


def _gru(x: Any, h: Any, states: States) -> States:
    (x_reset, x_keep, x_new), (h_reset, h_keep, h_new) = x.chunk(3, -1), h.chunk(3, -1)
    new = (x_new + (x_reset + h_reset).sigmoid() * h_new).tanh()
    return (new + (x_keep + h_keep).sigmoid() * (states[0] - new),)


RNN_KINDS = {"tanh": Kind(1, 1, False, _tanh), "relu": Kind(1, 1, False, _relu)}
LSTM_KIND = Kind(4, 2, False, _lstm)
GRU_KIND = Kind(3, 1, True, _gru)


def rnn_kind(nonlinearity: Any) -> Kind:
    """Return the kind of a plain RNN with "tanh" or "relu"."""
    if not isinstance(nonlinearity, str) or nonlinearity not in RNN_KINDS:
        hint = did_you_mean(str(nonlinearity), RNN_KINDS)
        raise ModuleError(f"there is no nonlinearity {nonlinearity!r}", hint=hint)
    return RNN_KINDS[nonlinearity]


def starting_parameters(kind: Kind, inputs: int, hidden: int, bias: bool) -> list[Any]:
    """Return weights and biases beside input and state, uniform in ±1/sqrt(hidden) as PyTorch's."""
    rows, bound = kind.gates * hidden, hidden**-0.5
    shapes: list[Shape | None] = [(rows, inputs), (rows, hidden)]
    shapes += [(rows,), (rows,)] if bias else [None, None]
    return [None if one is None else Parameter(uniform(one, -bound, bound)) for one in shapes]


def checked_input(x: Any, inputs: int) -> Tensor:
    """Return the input as a tensor of floats whose last axis has the right size, or raise."""
    x = as_tensor(x)
    if not x.dtype.is_float:
        hint = "rl.nn.Embedding(count, width) makes vectors of ids, rl.one_hot(ids, count) too"
        raise DTypeError(f"it takes floats, not {x.dtype}", hint=hint)
    if x.shape[-1:] != (inputs,):
        raise ShapeError(f"the input should end in {inputs} features, it is {x.shape}")
    return x  # type: ignore[no-any-return]


def checked_states(state: Any, kind: Kind, shape: Shape, dtype: DType) -> States:
    """Return a state as its tensors: zeros where none is given; raise where it does not fit."""
    if state is None:
        return tuple(zeros(shape, dtype=dtype) for _ in range(kind.tensors))
    if kind.tensors == 1:
        state = (state,)
    if not isinstance(state, (tuple, list)) or len(state) != kind.tensors:
        fact = f"its state is a pair (h, c) of tensors, not {type(state).__name__}"
        raise ModuleError(fact, hint="what it returned last is one")
    states = tuple(as_tensor(one) for one in state)
    for one in states:
        if one.shape != shape:
            raise ShapeError(f"the state should be {shape}, it is {one.shape}")
        if one.dtype is not dtype:
            raise DTypeError(f"the state should be {dtype}, it is {one.dtype}")
    return states


class _Cell(Module):
    """A step of one layer."""

    kind: Kind

    def __init__(self, inputs: int, hidden: int, bias: bool) -> None:
        check_sizes(inputs=inputs, hidden=hidden)
        self.inputs = inputs
        self.hidden = hidden
        parameters = starting_parameters(self.kind, inputs, hidden, checked_flag("bias", bias))
        self.weight_ih, self.weight_hh, self.bias_ih, self.bias_hh = parameters

    def _step(self, x: Any, state: Any) -> States:
        x = checked_input(x, self.inputs)
        bias = self.kind.bias_beside_input(self.bias_ih, self.bias_hh)
        added = linear(x, self.weight_ih, bias)
        shape = (*x.shape[:-1], self.hidden)
        states = checked_states(state, self.kind, shape, added.dtype)
        return self.kind.next(added, states, self.weight_hh, self.bias_hh)


@register
class RNNCell(_Cell):
    """One step of a plain recurrent network (Elman 1990).

    h' = tanh(x @ weight_ih.T + bias_ih + h @ weight_hh.T + bias_hh): (..., inputs) and a state
    (..., hidden) give the next state. Parameters begin uniform in ±1/sqrt(hidden), as in PyTorch.

    Args:
        inputs: numbers in each input.
        hidden: numbers in the state, which is the output too.
        bias: whether there are biases.
        nonlinearity: "tanh" or "relu".

    >>> import rushlight as rl
    >>> cell, state = RNNCell(3, 2), None
    >>> for x in rl.ones(5, 4, 3):  # five steps of a batch of four
    ...     state = cell(x, state)
    >>> state.shape
    (4, 2)
    """

    def __init__(
        self, inputs: int, hidden: int, bias: bool = True, nonlinearity: str = "tanh"
    ) -> None:
        self.nonlinearity = nonlinearity
        super().__init__(inputs, hidden, bias)

    @property
    def kind(self) -> Kind:  # type: ignore[override]
        return rnn_kind(self.nonlinearity)

    def forward(self, x: Any, state: Any = None) -> Tensor:
        return self._step(x, state)[0]


@register
class LSTMCell(_Cell):
    """One step of long short-term memory (Hochreiter and Schmidhuber 1997; Gers et al. 2000).

    The four gates are rows of one product, in the order input i, forget f, new g, output o:
    c' = sigmoid(f) * c + sigmoid(i) * tanh(g), h' = sigmoid(o) * tanh(c'). (..., inputs) and a
    state, the pair (h, c) of (..., hidden), give the next state.

    Args:
        inputs: numbers in each input.
        hidden: numbers in each of h and c.
        bias: whether there are biases.

    >>> import rushlight as rl
    >>> h, c = LSTMCell(3, 2)(rl.ones(4, 3))
    >>> h.shape, c.shape
    ((4, 2), (4, 2))
    """

    kind = LSTM_KIND

    def __init__(self, inputs: int, hidden: int, bias: bool = True) -> None:
        super().__init__(inputs, hidden, bias)

    def forward(self, x: Any, state: Any = None) -> States:
        return self._step(x, state)


@register
class GRUCell(_Cell):
    """One step of a gated recurrent unit (Cho et al. 2014), as PyTorch and cuDNN have it.

    The three gates are rows of two products, in the order reset r, keep z, new n:
    n' = tanh(x_n + sigmoid(x_r + h_r) * h_n), h' = (1 - sigmoid(x_z + h_z)) * n' +
    sigmoid(x_z + h_z) * h; the reset scales the product with h and its bias, not h. (..., inputs)
    and a state (..., hidden) give the next state.

    Args:
        inputs: numbers in each input.
        hidden: numbers in the state.
        bias: whether there are biases.

    >>> import rushlight as rl
    >>> GRUCell(3, 2)(rl.ones(4, 3)).shape
    (4, 2)
    """

    kind = GRU_KIND

    def __init__(self, inputs: int, hidden: int, bias: bool = True) -> None:
        super().__init__(inputs, hidden, bias)

    def forward(self, x: Any, state: Any = None) -> Tensor:
        return self._step(x, state)[0]
