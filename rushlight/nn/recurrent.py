"""Recurrent layers: a state is carried along a sequence, one step an element."""

from typing import Any

import numpy as np

from rushlight.core.dtypes import DType, promote
from rushlight.core.errors import BoundsError, DTypeError, ModuleError, ShapeError
from rushlight.graph.loops import scan
from rushlight.nn.cells import (
    GRU_KIND,
    LSTM_KIND,
    Kind,
    States,
    checked_input,
    checked_states,
    rnn_kind,
    starting_parameters,
)
from rushlight.nn.dropout import check_share, dropout
from rushlight.nn.init import check_sizes, checked_flag
from rushlight.nn.module import Module, register
from rushlight.ops.composite import linear
from rushlight.ops.elementwise import where
from rushlight.ops.movement import concat, stack
from rushlight.tensor import Tensor, as_tensor

PARAMETERS = ("weight_ih", "weight_hh", "bias_ih", "bias_hh")


class _Recurrent(Module):
    """Layers one upon another, each with one direction of time or both."""

    kind: Kind

    def __init__(
        self,
        inputs: int,
        hidden: int,
        num_layers: int,
        bias: bool,
        batch_first: bool,
        dropout: float,
        bidirectional: bool,
    ) -> None:
        check_sizes(inputs=inputs, hidden=hidden, num_layers=num_layers)
        check_share(dropout, "dropout")
        if dropout and num_layers == 1:
            fact = "dropout is between layers, and there is one layer"
            raise ModuleError(fact, hint="rl.nn.Dropout(p) after it drops outputs")
        self.inputs = inputs
        self.hidden = hidden
        self.num_layers = num_layers
        self.batch_first = checked_flag("batch_first", batch_first)
        self.dropout = dropout
        self.bidirectional = checked_flag("bidirectional", bidirectional)
        biased = checked_flag("bias", bias)
        width = inputs
        for layer in range(num_layers):
            for direction in self._directions:
                made = starting_parameters(self.kind, width, hidden, biased)
                for name, parameter in zip(PARAMETERS, made, strict=True):
                    setattr(self, f"{name}_l{layer}{direction}", parameter)
            width = hidden * len(self._directions)

    @property
    def _directions(self) -> tuple[str, ...]:
        """The ends of the parameters' names, one for each direction."""
        return ("", "_reverse") if self.bidirectional else ("",)

    def zero_state(self, batch: int) -> Any:
        """Return the state before the first element, as `forward` takes it if none is given.

        >>> import rushlight as rl
        >>> h, c = rl.nn.LSTM(3, 5, num_layers=2).zero_state(batch=4)
        >>> h.shape, c.shape
        ((2, 4, 5), (2, 4, 5))
        """
        dtype = self._parameters(0, "")[0].dtype
        states = self._first_states(None, batch, True, dtype)
        return states if self.kind.tensors > 1 else states[0]

    def _run(self, x: Any, state: Any, lengths: Any) -> tuple[Tensor, States]:
        """Return the outputs and the last state of every layer and direction."""
        x, batched = self._time_first(x)
        dtype = promote(x.dtype, self._parameters(0, "")[0].dtype)
        first = self._first_states(state, x.shape[1], batched, dtype)
        filled = None if lengths is None else _filled(lengths, x.shape[0], x.shape[1], batched)
        if filled is not None:
            x = where(filled, x, 0.0)  # so that no gradient meets what is infinite or NaN there
        last: list[States] = []
        for layer in range(self.num_layers):
            if layer and self.dropout:
                x = dropout(x, self.dropout, self.training)
            outputs = []
            for direction in self._directions:
                states = tuple(one[len(last)] for one in first)
                y, states = self._pass(x, states, filled, layer, direction)
                outputs.append(y)
                last.append(states)
            x = outputs[0] if len(outputs) == 1 else concat(outputs, -1)
        final = tuple(stack(column) for column in zip(*last, strict=True))
        if not batched:
            return x.squeeze(1), tuple(one.squeeze(1) for one in final)
        return x.transpose(0, 1) if self.batch_first else x, final

    def _pass(
        self, x: Tensor, states: States, filled: Tensor | None, layer: int, direction: str
    ) -> tuple[Tensor, States]:
        """Return the outputs of one layer in one direction, (time, batch, hidden), and its state.

        All inputs are multiplied at once; in the loop is only what depends on the state. Where
        nothing is filled in, the state stays as it is: so a way back begins at the last element.
        """
        weight_ih, weight_hh, bias_ih, bias_hh = self._parameters(layer, direction)
        kind = self.kind
        added = linear(x, weight_ih, kind.bias_beside_input(bias_ih, bias_hh))

        def turn(states: States, given: Any) -> tuple[States, Tensor]:
            x, filled = given
            after = kind.next(x, states, weight_hh, bias_hh)
            if filled is not None:
                pairs = zip(after, states, strict=True)
                after = tuple(where(filled, new, old) for new, old in pairs)
            return after, after[0]

        states, outputs = scan(turn, states, (added, filled), reverse=bool(direction))
        return outputs if filled is None else where(filled, outputs, 0.0), states

    def _parameters(self, layer: int, direction: str) -> list[Any]:
        return [getattr(self, f"{name}_l{layer}{direction}") for name in PARAMETERS]

    def _time_first(self, x: Any) -> tuple[Any, bool]:
        """Return the input as (time, batch, inputs), and whether it came with a batch."""
        x = checked_input(x, self.inputs)
        if x.ndim not in (2, 3):
            shape = "(batch, time, inputs)" if self.batch_first else "(time, batch, inputs)"
            raise ShapeError(f"the input should be {shape}, or (time, inputs), it is {x.shape}")
        batched = x.ndim == 3
        if not batched:
            x = x.unsqueeze(1)
        elif self.batch_first:
            x = x.transpose(0, 1)
        if x.shape[0] == 0:
            raise ShapeError("there is no element in these sequences")
        return x, batched

    def _first_states(self, state: Any, batch: int, batched: bool, dtype: DType) -> States:
        """Return the state before the first step: (layers * directions, batch, hidden)."""
        count = self.num_layers * len(self._directions)
        shape = (count, batch, self.hidden) if batched else (count, self.hidden)
        states = checked_states(state, self.kind, shape, dtype)
        return states if batched else tuple(one.unsqueeze(1) for one in states)


def _filled(lengths: Any, time: int, batch: int, batched: bool) -> Tensor:
    """Return where there is an element of each sequence, bool (time, batch, 1)."""
    lengths = as_tensor(lengths)
    if lengths.dtype.kind not in ("int", "uint"):
        hint = 'cast them: lengths.cast("int64")'
        raise DTypeError(f"lengths are integers, not {lengths.dtype}", hint=hint)
    if not batched:
        fact = f"lengths should be left out for a single sequence, they are {lengths.shape}"
        hint = "several are (batch, time, ...), as a DataLoader with buckets= gives them"
        raise ShapeError(fact, hint=hint)
    if lengths.shape != (batch,):
        raise ShapeError(f"lengths should be ({batch},), they are {lengths.shape}")
    if isinstance(lengths.data, np.ndarray) and batch:
        least, most = int(lengths.data.min()), int(lengths.data.max())
        if least < 0 or most > time:
            fact = f"lengths are from 0 to {time}, the axis of time, not {least} to {most}"
            raise BoundsError(fact)
    steps = as_tensor(np.arange(time).reshape(time, 1, 1))
    return steps < lengths.reshape(1, batch, 1)  # type: ignore[no-any-return]


@register
class RNN(_Recurrent):
    """A plain recurrent network (Elman 1990), its formula that of RNNCell.

    (batch, time, inputs) gives the outputs (batch, time, hidden * directions) and the last state
    (num_layers * directions, batch, hidden), layer by layer, forth before back. A single sequence
    (time, inputs) is taken too, all without the axis of the batch then.

    Call it with `x`; `state`, what the sequences go on from, zeros if left out; and `lengths`,
    integers (batch,), where the sequences are not all as long as the axis of time: a state then
    stops at its sequence's end, a way back begins there, and outputs after it are zeros.

    Args:
        inputs: numbers in each element.
        hidden: numbers in the state of a layer, which is its output too.
        num_layers: how many layers, each of which reads the outputs of the one before.
        nonlinearity: "tanh" or "relu".
        bias: whether there are biases.
        batch_first: False for (time, batch, ...), the axes of PyTorch unless told otherwise.
        dropout: share of what a layer gives the next that is dropped in training.
        bidirectional: whether each layer reads the sequence back as well, beside the way forth.

    Parameters have PyTorch's names, shapes and first values: weight_ih_l0, weight_hh_l0,
    bias_ih_l0, bias_hh_l0, weight_ih_l0_reverse and so on.

    >>> import rushlight as rl
    >>> outputs, state = RNN(3, 5, num_layers=2)(rl.ones(2, 4, 3), lengths=[4, 1])
    >>> outputs.shape, state.shape
    ((2, 4, 5), (2, 2, 5))
    """

    def __init__(
        self,
        inputs: int,
        hidden: int,
        num_layers: int = 1,
        nonlinearity: str = "tanh",
        bias: bool = True,
        batch_first: bool = True,
        dropout: float = 0.0,
        bidirectional: bool = False,
    ) -> None:
        self.nonlinearity = nonlinearity
        super().__init__(inputs, hidden, num_layers, bias, batch_first, dropout, bidirectional)

    @property
    def kind(self) -> Kind:  # type: ignore[override]
        return rnn_kind(self.nonlinearity)

    def forward(self, x: Any, state: Any = None, lengths: Any = None) -> tuple[Tensor, Tensor]:
        outputs, (last,) = self._run(x, state, lengths)
        return outputs, last


@register
class LSTM(_Recurrent):
    """Long short-term memory (Hochreiter and Schmidhuber 1997), its formula that of LSTMCell.

    Takes and gives what RNN does, but for the state, which is a pair (h, c) of such tensors; its
    parameters have four rows for each one of RNN's, in the order i, f, g, o.

    >>> import rushlight as rl
    >>> lstm = LSTM(3, 5, bidirectional=True)
    >>> outputs, (h, c) = lstm(rl.ones(2, 4, 3))
    >>> outputs.shape, h.shape, c.shape
    ((2, 4, 10), (2, 2, 5), (2, 2, 5))
    """

    kind = LSTM_KIND

    def __init__(
        self,
        inputs: int,
        hidden: int,
        num_layers: int = 1,
        bias: bool = True,
        batch_first: bool = True,
        dropout: float = 0.0,
        bidirectional: bool = False,
    ) -> None:
        super().__init__(inputs, hidden, num_layers, bias, batch_first, dropout, bidirectional)

    def forward(self, x: Any, state: Any = None, lengths: Any = None) -> tuple[Tensor, States]:
        return self._run(x, state, lengths)


@register
class GRU(_Recurrent):
    """Gated recurrent units (Cho et al. 2014), their formula that of GRUCell.

    Takes and gives what RNN does; its parameters have three rows for each one of RNN's, in the
    order r, z, n.

    >>> import rushlight as rl
    >>> gru = GRU(3, 5)
    >>> outputs, state = gru(rl.ones(2, 4, 3))
    >>> more, state = gru(rl.ones(2, 1, 3), state)
    >>> outputs.shape, more.shape, state.shape
    ((2, 4, 5), (2, 1, 5), (1, 2, 5))
    """

    kind = GRU_KIND

    def __init__(
        self,
        inputs: int,
        hidden: int,
        num_layers: int = 1,
        bias: bool = True,
        batch_first: bool = True,
        dropout: float = 0.0,
        bidirectional: bool = False,
    ) -> None:
        super().__init__(inputs, hidden, num_layers, bias, batch_first, dropout, bidirectional)

    def forward(self, x: Any, state: Any = None, lengths: Any = None) -> tuple[Tensor, Tensor]:
        outputs, (last,) = self._run(x, state, lengths)
        return outputs, last
