"""A network in one chain, whose shapes are checked as it grows: `nn.build().input(784)...`."""

import functools
from collections.abc import Callable
from typing import Any, Concatenate, ParamSpec, TypeVar

from rushlight.core.dtypes import float32, int64
from rushlight.core.errors import ModuleError, RushlightError, ShapeError, did_you_mean
from rushlight.core.shapes import Shape, Sizes, as_shape, size_of
from rushlight.core.source import user_line
from rushlight.nn import activation
from rushlight.nn.containers import Flatten, Sequential
from rushlight.nn.conv import Conv1d, Conv2d, ConvTranspose2d
from rushlight.nn.dropout import Dropout, Dropout2d
from rushlight.nn.embedding import Embedding, EmbeddingBag
from rushlight.nn.init import check_sizes
from rushlight.nn.linear import Linear
from rushlight.nn.module import Module, register
from rushlight.nn.norm import BatchNorm, GroupNorm, LayerNorm, RMSNorm
from rushlight.nn.pool import AdaptiveAvgPool2d, AvgPool1d, AvgPool2d, MaxPool1d, MaxPool2d
from rushlight.nn.summary import output_shapes
from rushlight.nn.upsample import Upsample
from rushlight.ops import losses
from rushlight.ops.adaptive import OutputSize
from rushlight.ops.conv import Padding
from rushlight.ops.convolution import AXES
from rushlight.ops.resize import Scale
from rushlight.tensor import Tensor

Arguments = ParamSpec("Arguments")
Result = TypeVar("Result")

LOSSES: dict[str, Callable[..., Any]] = {
    "softmax_cross_entropy": losses.cross_entropy,
    "mse": losses.mse_loss,
    "l1": losses.l1_loss,
    "huber": losses.huber_loss,
    "bce_with_logits": losses.binary_cross_entropy_with_logits,
}


@register
class Network(Sequential):
    """Layers one after another, and the loss by which they are trained.

    Args:
        layers: in their order.
        loss: "softmax_cross_entropy" (of scores and labels), "mse", "l1", "huber" or
            "bce_with_logits" (of scores and targets from 0 to 1).

    >>> import rushlight as rl
    >>> net = Network(rl.nn.Linear(4, 2), loss="softmax_cross_entropy")
    >>> scores = net(rl.ones(3, 4))
    >>> scores.shape, net.loss(scores, rl.tensor([0, 1, 1])).shape
    ((3, 2), ())
    """

    def __init__(self, *layers: Module, loss: str) -> None:
        if not isinstance(loss, str) or loss not in LOSSES:
            raise ModuleError(f"there is no loss {loss!r}", hint=did_you_mean(str(loss), LOSSES))
        super().__init__(*layers)
        self.loss_name = loss

    @property
    def arguments(self) -> dict[str, Any]:
        return {"layers": tuple(self), "loss": self.loss_name}

    def loss(self, output: Any, target: Any) -> Tensor:
        """Return the mean loss, a scalar, of what the network gave, beside what is right."""
        return LOSSES[self.loss_name](output, target)  # type: ignore[no-any-return]


def _step(
    method: Callable[Concatenate["Builder", Arguments], Result],
) -> Callable[Concatenate["Builder", Arguments], Result]:
    """Make a method a step of the chain: it must be its turn, and its errors say which it is."""

    @functools.wraps(method)
    def taken(self: "Builder", *args: Arguments.args, **kwargs: Arguments.kwargs) -> Result:
        given = [repr(value) for value in args]
        given += [f"{name}={value!r}" for name, value in kwargs.items()]
        text = f"{method.__name__}({', '.join(given)})"
        try:
            self._check_turn(method.__name__)
            result = method(self, *args, **kwargs)
        except RushlightError as error:
            error.op = text
            error.operands = [("so far", str(self._shape))] if self._shape else []
            error.source = user_line()
            error.module = f"step {len(self._steps) + 1} of the chain"
            raise
        self._steps.append(text)
        return result

    return taken  # type: ignore[return-value]


def _activation(
    name: str, layer: Callable[Arguments, Module]
) -> Callable[Concatenate["Builder", Arguments], "Builder"]:
    """Return the step that adds a layer which leaves the shape as it is, with its arguments."""

    def step(self: "Builder", /, *args: Arguments.args, **kwargs: Arguments.kwargs) -> "Builder":
        return self._add(layer(*args, **kwargs))

    step.__name__ = name
    formula = (layer.__doc__ or "").splitlines()[0]
    step.__doc__ = f"Add {formula}"
    return _step(step)


class Builder:
    """A chain of steps, each of which knows the shape that the ones before it give.

    Shapes leave the batch axis out. Every step returns the builder; the last,
    `softmax_cross_entropy()` or another loss, returns the network. An error names the step, its
    position and the shape so far.

    >>> import rushlight as rl
    >>> chain = rl.nn.build().input(784).linear(256, init="kaiming_normal").relu().linear(10)
    >>> chain
    input(784).linear(256, init='kaiming_normal').relu().linear(10) gives (10,)
    >>> chain.softmax_cross_entropy()(rl.ones(1, 784)).shape
    (1, 10)
    """

    def __init__(self) -> None:
        self._layers: list[Module] = []
        self._steps: list[str] = []  # as they were written
        self._shape: Shape = ()  # of a sample so far; never () once there is an input
        self._ended = False

    @_step
    def input(self, *shape: Any) -> "Builder":
        """Say what shape one sample has: `input(784)`, `input(1, 28, 28)`."""
        sizes = as_shape(shape[0] if len(shape) == 1 else shape)
        if not sizes:
            raise ShapeError("a sample has at least one axis")
        check_sizes(**{f"axis {axis}": size for axis, size in enumerate(sizes)})
        self._shape = sizes
        return self

    @_step
    def linear(self, outputs: int, bias: bool = True, init: str | None = None) -> "Builder":
        """Add a fully connected layer: (..., inputs) gives (..., outputs)."""
        if len(self._shape) > 2:
            raise ShapeError("it takes (features,)", hint=self._flattened())
        return self._add(Linear(self._shape[-1], outputs, bias, init))

    @_step
    def conv1d(
        self,
        out_channels: int,
        kernel_size: Sizes,
        stride: Sizes = 1,
        padding: Padding = 0,
        dilation: Sizes = 1,
        groups: int = 1,
        bias: bool = True,
        init: str | None = None,
    ) -> "Builder":
        """Add a convolution: (channels, length) gives (out_channels, length')."""
        options = (kernel_size, stride, padding, dilation, groups, bias, init)
        return self._add(Conv1d(self._channels(1), out_channels, *options))

    @_step
    def conv2d(
        self,
        out_channels: int,
        kernel_size: Sizes,
        stride: Sizes = 1,
        padding: Padding = 0,
        dilation: Sizes = 1,
        groups: int = 1,
        bias: bool = True,
        init: str | None = None,
    ) -> "Builder":
        """Add a convolution: (channels, height, width) gives (out_channels, height', width')."""
        options = (kernel_size, stride, padding, dilation, groups, bias, init)
        return self._add(Conv2d(self._channels(2), out_channels, *options))

    @_step
    def conv_transpose2d(
        self,
        out_channels: int,
        kernel_size: Sizes,
        stride: Sizes = 1,
        padding: Sizes = 0,
        output_padding: Sizes = 0,
        groups: int = 1,
        bias: bool = True,
        dilation: Sizes = 1,
        init: str | None = None,
    ) -> "Builder":
        """Add a transposed convolution: (channels, h, w) gives (out_channels, h', w')."""
        options = (kernel_size, stride, padding, output_padding, groups, bias, dilation, init)
        return self._add(ConvTranspose2d(self._channels(2), out_channels, *options))

    @_step
    def max_pool1d(
        self, kernel_size: Sizes, stride: Sizes | None = None, padding: Sizes = 0
    ) -> "Builder":
        """Add the largest of each window: (channels, length) gives (channels, length')."""
        self._channels(1)
        return self._add(MaxPool1d(kernel_size, stride, padding))

    @_step
    def max_pool2d(
        self, kernel_size: Sizes, stride: Sizes | None = None, padding: Sizes = 0
    ) -> "Builder":
        """Add the largest of each window: (channels, h, w) gives (channels, h', w')."""
        self._channels(2)
        return self._add(MaxPool2d(kernel_size, stride, padding))

    @_step
    def avg_pool1d(
        self, kernel_size: Sizes, stride: Sizes | None = None, padding: Sizes = 0
    ) -> "Builder":
        """Add the mean of each window: (channels, length) gives (channels, length')."""
        self._channels(1)
        return self._add(AvgPool1d(kernel_size, stride, padding))

    @_step
    def avg_pool2d(
        self, kernel_size: Sizes, stride: Sizes | None = None, padding: Sizes = 0
    ) -> "Builder":
        """Add the mean of each window: (channels, h, w) gives (channels, h', w')."""
        self._channels(2)
        return self._add(AvgPool2d(kernel_size, stride, padding))

    @_step
    def adaptive_avg_pool2d(self, output_size: OutputSize) -> "Builder":
        """Add the means of so many windows: (channels, h, w) gives (channels, *output_size)."""
        self._channels(2)
        return self._add(AdaptiveAvgPool2d(output_size))

    @_step
    def upsample(self, scale_factor: Scale, mode: str = "nearest") -> "Builder":
        """Add a change of the sizes of space: (channels, h, w) gives (channels, h', w')."""
        return self._add(Upsample(scale_factor=scale_factor, mode=mode))

    @_step
    def embedding(self, count: int, width: int, init: str = "normal") -> "Builder":
        """Add a vector for each of `count` ids: (length,) gives (length, width)."""
        return self._add(Embedding(count, width, init=init), of_ids=True)

    @_step
    def embedding_bag(
        self, count: int, width: int, mode: str = "mean", init: str = "normal"
    ) -> "Builder":
        """Add the mean (or sum) of the vectors of all ids: (length,) gives (width,)."""
        return self._add(EmbeddingBag(count, width, mode, init), of_ids=True)

    @_step
    def flatten(self) -> "Builder":
        """Join all axes into one: (channels, height, width) gives (features,)."""
        return self._add(Flatten())

    relu = _activation("relu", activation.ReLU)
    relu6 = _activation("relu6", activation.ReLU6)
    leaky_relu = _activation("leaky_relu", activation.LeakyReLU)
    elu = _activation("elu", activation.ELU)
    selu = _activation("selu", activation.SELU)
    celu = _activation("celu", activation.CELU)
    gelu = _activation("gelu", activation.GELU)
    silu = _activation("silu", activation.SiLU)
    mish = _activation("mish", activation.Mish)
    hardswish = _activation("hardswish", activation.Hardswish)
    hardsigmoid = _activation("hardsigmoid", activation.Hardsigmoid)
    hardtanh = _activation("hardtanh", activation.Hardtanh)
    sigmoid = _activation("sigmoid", activation.Sigmoid)
    tanh = _activation("tanh", activation.Tanh)
    softplus = _activation("softplus", activation.Softplus)
    softsign = _activation("softsign", activation.Softsign)

    @_step
    def prelu(self, each: bool = False, slope: float = 0.25) -> "Builder":
        """Add max(x, 0) + slope * min(x, 0), whose slope is trained: one, or one for `each`."""
        return self._add(activation.PReLU(self._shape[0] if each else 1, slope))

    @_step
    def dropout(self, p: float = 0.5) -> "Builder":
        """Add dropout, which in training zeros a share `p` of the elements."""
        return self._add(Dropout(p))

    @_step
    def dropout2d(self, p: float = 0.5) -> "Builder":
        """Add dropout, which in training zeros a share `p` of the channels of a picture."""
        self._channels(2)
        return self._add(Dropout2d(p))

    @_step
    def batch_norm(self, eps: float = 1e-5, momentum: float = 0.1) -> "Builder":
        """Add a normalisation of each feature (or channel) over the batch."""
        return self._add(BatchNorm(self._shape[0], eps, momentum))

    @_step
    def layer_norm(self, eps: float = 1e-5) -> "Builder":
        """Add a normalisation of each sample over its last axis."""
        return self._add(LayerNorm(self._shape[-1], eps))

    @_step
    def group_norm(self, groups: int, eps: float = 1e-5) -> "Builder":
        """Add a normalisation of each sample over groups of its channels."""
        return self._add(GroupNorm(groups, self._shape[0], eps))

    @_step
    def rms_norm(self, eps: float | None = None) -> "Builder":
        """Add a division of each sample by the root of its mean square, over its last axis."""
        return self._add(RMSNorm(self._shape[-1], eps))

    @_step
    def softmax_cross_entropy(self) -> Network:
        """End the chain: (classes,) scores, trained by the cross entropy of their softmax."""
        if len(self._shape) != 1:
            raise ShapeError("it takes scores (classes,)", hint=self._flattened())
        return self._end("softmax_cross_entropy")

    @_step
    def mse(self) -> Network:
        """End the chain: a network trained by the mean squared error."""
        return self._end("mse")

    @_step
    def l1(self) -> Network:
        """End the chain: a network trained by the mean absolute error."""
        return self._end("l1")

    @_step
    def huber(self) -> Network:
        """End the chain: a network trained by the Huber loss, which outliers pull at less."""
        return self._end("huber")

    @_step
    def bce_with_logits(self) -> Network:
        """End the chain: scores, whose sigmoids are trained to be targets of 0 and 1."""
        return self._end("bce_with_logits")

    def __getattr__(self, name: str) -> Any:
        steps = [step for step in dir(type(self)) if not step.startswith("_")]
        hint = did_you_mean(name, steps) or f"choose one of {', '.join(steps)}"
        raise AttributeError(f"there is no step {name!r}; {hint}")

    def __repr__(self) -> str:
        chain = ".".join(self._steps) or "an empty chain"
        return f"{chain} gives {self._shape}" if self._shape else chain

    def _add(self, layer: Module, of_ids: bool = False) -> "Builder":
        """Take a layer on, and the shape that it gives."""
        if of_ids and (self._layers or len(self._shape) != 1):
            raise ModuleError("it takes ids, so it comes first, after input(length)")
        shapes = output_shapes(layer, (1, *self._shape), int64 if of_ids else float32)
        self._layers.append(layer)
        self._shape = shapes[id(layer)][1:]
        return self

    def _end(self, loss: str) -> Network:
        if not self._layers:
            raise ModuleError("the chain has no layers yet")
        network = Network(*self._layers, loss=loss)
        self._ended = True
        return network

    def _check_turn(self, name: str) -> None:
        if self._ended:
            fact = "the chain has ended"
            raise ModuleError(fact, hint="begin another: nn.build().input(...)")
        if name == "input" and self._shape:
            raise ModuleError("the chain has an input already", hint="leave this one out")
        if name != "input" and not self._shape:
            fact = "a chain begins with the shape of one sample"
            raise ModuleError(fact, hint="such as nn.build().input(784)")

    def _channels(self, rank: int) -> int:
        """Return how many channels there are, or raise unless so many axes of space follow."""
        if len(self._shape) == rank + 1:
            return self._shape[0]
        hint = None
        if len(self._shape) == rank and not self._layers:
            sizes = ", ".join(map(str, (1, *self._shape)))
            hint = f"input({sizes}) is a {'signal' if rank == 1 else 'picture'} of one channel"
        raise ShapeError(f"it takes (channels, {', '.join(AXES[rank])})", hint=hint)

    def _flattened(self) -> str:
        return f".flatten() before it gives ({size_of(self._shape)},)"


def build() -> Builder:
    """Begin a chain that ends in a network.

    >>> import rushlight as rl
    >>> rl.nn.build().input(2).linear(3).tanh().linear(1).mse()
    Network(loss='mse',
      (0): Linear(2, 3)
      (1): Tanh()
      (2): Linear(3, 1)
    )
    """
    return Builder()
