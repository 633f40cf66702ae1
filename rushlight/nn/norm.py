"""Normalisation: over the batch, and over the features of each sample."""

from collections.abc import Sequence
from typing import Any

from rushlight.core.bind import op
from rushlight.core.errors import ModuleError, ShapeError
from rushlight.core.mode import no_grad
from rushlight.core.shapes import as_shape
from rushlight.creation import ones, zeros
from rushlight.nn.init import check_sizes, checked_number
from rushlight.nn.module import Module, Parameter, register
from rushlight.ops.composite import normalize
from rushlight.tensor import Tensor, as_tensor


@register
class BatchNorm(Module):
    """Normalises each feature over the batch (and the picture): (n, features, ...).

    In training by the batch's mean and variance, which also move the running ones by `momentum`;
    in evaluation by the running ones. Ioffe and Szegedy 2015; defaults as in PyTorch.

    >>> import rushlight as rl
    >>> BatchNorm(2)(rl.tensor([[1.0, 5.0], [3.0, 5.0]])).shape
    (2, 2)
    """

    def __init__(self, features: int, eps: float = 1e-5, momentum: float = 0.1) -> None:
        check_sizes(features=features)
        self.eps = checked_number("eps", eps)
        self.momentum = checked_number("momentum", momentum, most=1.0)
        self.weight = Parameter(ones(features))
        self.bias = Parameter(zeros(features))
        self.buffer("running_mean", zeros(features))
        self.buffer("running_var", ones(features))

    def forward(self, x: Any) -> Tensor:
        return batch_norm(self, x)


@op
def batch_norm(layer: BatchNorm, x: Any) -> Tensor:
    """Return what a batch norm layer makes of `x`, and move its running statistics in training."""
    x = as_tensor(x)
    features = layer.weight.shape[0]
    if x.ndim < 2 or x.shape[1] != features:
        hint = None
        if x.ndim == 4 and x.shape[3] == features:
            hint = f"x.permute(0, 3, 1, 2) is {(x.shape[0], x.shape[3], *x.shape[1:3])}"
        raise ShapeError(f"the input should be (n, {features}, ...), it is {x.shape}", hint=hint)
    shape = (1, features) + (1,) * (x.ndim - 2)
    if layer.training:
        axes = (0, *range(2, x.ndim))
        count = x.size // features
        if count < 2:
            hint = "use a larger batch, or model.eval()"
            raise ShapeError("one value a feature has no variance to train on", hint=hint)
        mean = x.mean(axes)
        centred = x - mean.reshape(shape)
        var = (centred * centred).mean(axes)
        _move(layer, mean.detach(), var.detach() * (count / (count - 1)))
    else:
        mean, var = layer.running_mean, layer.running_var
        centred = x - mean.reshape(shape)
    scale = layer.weight / (var + layer.eps).sqrt()
    return centred * scale.reshape(shape) + layer.bias.reshape(shape)  # type: ignore[no-any-return]


def _move(layer: BatchNorm, mean: Tensor, var: Tensor) -> None:
    """Move the running statistics, which keep their dtype, towards those of a batch."""
    keep, take = 1.0 - layer.momentum, layer.momentum
    mean, var = mean.cast(layer.running_mean.dtype), var.cast(layer.running_var.dtype)
    with no_grad():
        layer.running_mean.assign(layer.running_mean * keep + mean * take)
        layer.running_var.assign(layer.running_var * keep + var * take)


@register
class LayerNorm(Module):
    """Normalises each sample over its last axes, of the sizes given. Ba, Kiros and Hinton 2016.

    >>> import rushlight as rl
    >>> LayerNorm(3)(rl.ones(2, 3)).shape
    (2, 3)
    """

    def __init__(self, shape: int | Sequence[int], eps: float = 1e-5) -> None:
        self.shape = as_shape(shape)
        if not self.shape:
            raise ModuleError("it needs at least one axis to normalise over")
        check_sizes(**{f"axis {axis}": size for axis, size in enumerate(self.shape)})
        self.eps = checked_number("eps", eps)
        self.weight = Parameter(ones(self.shape))
        self.bias = Parameter(zeros(self.shape))

    def forward(self, x: Any) -> Tensor:
        return layer_norm(x, self.weight, self.bias, self.eps)


@op
def layer_norm(x: Any, weight: Tensor, bias: Tensor, eps: float = 1e-5) -> Tensor:
    """Return `x` normalised over the axes of `weight`, scaled by it and moved by `bias`.

    >>> import rushlight as rl
    >>> layer_norm(rl.tensor([1.0, 3.0]), rl.ones(2), rl.zeros(2), eps=0.0)
    tensor([-1.,  1.])
    """
    x = as_tensor(x)
    rank = weight.ndim
    if x.ndim < rank or x.shape[x.ndim - rank :] != weight.shape:
        raise ShapeError(f"the input should end in {weight.shape}, it is {x.shape}")
    axes = tuple(range(x.ndim - rank, x.ndim))
    normal: Tensor = normalize(x, axes, eps)
    return normal * weight + bias
