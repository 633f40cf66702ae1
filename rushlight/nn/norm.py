"""Normalisation: over the batch, and over the features of each sample."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from rushlight.core.bind import op
from rushlight.core.dtypes import int64
from rushlight.core.errors import ModuleError, ShapeError
from rushlight.core.mode import no_grad
from rushlight.core.shapes import Shape, as_shape
from rushlight.creation import ones, zeros
from rushlight.nn.init import check_sizes, checked_flag, checked_number
from rushlight.nn.module import Module, Parameter, register
from rushlight.ops.composite import normalize
from rushlight.tensor import Tensor, as_tensor


class _Statistics(Module):
    """What batch and instance norms have: scale and shift, and statistics that move along."""

    ranks: tuple[int, ...] = ()  # of the inputs; any from 2 on if empty
    running_mean: Tensor | None
    running_var: Tensor | None

    def __init__(
        self,
        features: int,
        eps: float,
        momentum: float | None,
        affine: bool,
        track_running_stats: bool,
    ) -> None:
        check_sizes(features=features)
        self.features = features
        self.eps = checked_number("eps", eps)
        self.momentum = None if momentum is None else checked_number("momentum", momentum, 1.0)
        affine = checked_flag("affine", affine)
        self.weight = Parameter(ones(features)) if affine else None
        self.bias = Parameter(zeros(features)) if affine else None
        self.running_mean = self.running_var = None
        if checked_flag("track_running_stats", track_running_stats):
            self.buffer("running_mean", zeros(features))
            self.buffer("running_var", ones(features))
            if momentum is None:
                self.buffer("num_batches_tracked", zeros((), dtype=int64))

    def _check(self, x: Tensor) -> None:
        ranks = self.ranks or range(2, x.ndim + 1)
        if x.ndim in ranks and x.shape[1] == self.features:
            return
        axes = {(): "...", (2, 3): "[length]", (3,): "length", (4,): "height, width"}
        wanted = f"(n, {self.features}, {axes.get(self.ranks, 'depth, height, width')})"
        hint = None
        if x.ndim == 4 and x.shape[3] == self.features:
            hint = f"x.permute(0, 3, 1, 2) is {(x.shape[0], x.shape[3], *x.shape[1:3])}"
        raise ShapeError(f"the input should be {wanted}, it is {x.shape}", hint=hint)

    def _move(self, mean: Tensor, var: Tensor) -> None:
        """Move the running statistics, which keep their dtype, towards those of a batch."""
        means, variances = self.running_mean, self.running_var
        if means is None or variances is None:
            return
        mean, var = mean.cast(means.dtype), var.cast(variances.dtype)
        with no_grad():
            take: Any = self.momentum
            if take is None:
                self.num_batches_tracked.assign(self.num_batches_tracked + 1)
                take = 1.0 / self.num_batches_tracked.cast(means.dtype)
            keep = 1.0 - take
            means.assign(means * keep + mean * take)
            variances.assign(variances * keep + var * take)

    def _kept(self) -> tuple[Tensor, Tensor] | None:
        """Return the running mean and variance to normalise by; None for those of the batch."""
        if self.training or self.running_mean is None or self.running_var is None:
            return None
        return self.running_mean, self.running_var


class _BatchNorm(_Statistics):
    def __init__(
        self,
        features: int,
        eps: float = 1e-5,
        momentum: float | None = 0.1,
        affine: bool = True,
        track_running_stats: bool = True,
    ) -> None:
        super().__init__(features, eps, momentum, affine, track_running_stats)

    def forward(self, x: Any) -> Tensor:
        return batch_norm(self, x)


@register
class BatchNorm(_BatchNorm):
    """Normalises each feature over the batch (and the picture): (n, features, ...).

    In training by the batch's mean and variance, which also move the running ones by `momentum`;
    in evaluation by the running ones. Ioffe and Szegedy 2015; defaults as in PyTorch.

    Args:
        features: size of axis 1.
        eps: added to a variance.
        momentum: how far the running statistics move towards those of a batch; None for their
            mean over all batches so far.
        affine: whether there are a weight and a bias to train.
        track_running_stats: whether there are running statistics; without them those of the batch
            are used in evaluation too.

    >>> import rushlight as rl
    >>> BatchNorm(2)(rl.tensor([[1.0, 5.0], [3.0, 5.0]])).shape
    (2, 2)
    """


@register
class BatchNorm1d(_BatchNorm):
    """BatchNorm that takes (n, features) and (n, features, length) alone.

    >>> import rushlight as rl
    >>> BatchNorm1d(3)(rl.ones(2, 3, 7)).shape
    (2, 3, 7)
    """

    ranks = (2, 3)


@register
class BatchNorm2d(_BatchNorm):
    """BatchNorm that takes (n, features, height, width) alone.

    >>> import rushlight as rl
    >>> BatchNorm2d(3)(rl.ones(2, 3, 7, 5)).shape
    (2, 3, 7, 5)
    """

    ranks = (4,)


@register
class BatchNorm3d(_BatchNorm):
    """BatchNorm that takes (n, features, depth, height, width) alone.

    >>> import rushlight as rl
    >>> BatchNorm3d(3)(rl.ones(2, 3, 2, 7, 5)).shape
    (2, 3, 2, 7, 5)
    """

    ranks = (5,)


class _InstanceNorm(_Statistics):
    def __init__(
        self,
        features: int,
        eps: float = 1e-5,
        momentum: float | None = 0.1,
        affine: bool = False,
        track_running_stats: bool = False,
    ) -> None:
        super().__init__(features, eps, momentum, affine, track_running_stats)

    def forward(self, x: Any) -> Tensor:
        return instance_norm(self, x)


@register
class InstanceNorm1d(_InstanceNorm):
    """Normalises each feature of each sample over its length: (n, features, length).

    Ulyanov et al. 2016; arguments as those of BatchNorm, defaults as in PyTorch.

    >>> import rushlight as rl
    >>> InstanceNorm1d(1, eps=0.0)(rl.tensor([[[1.0, 3.0]]]))
    tensor([[[-1.,  1.]]])
    """

    ranks = (3,)


@register
class InstanceNorm2d(_InstanceNorm):
    """Normalises each feature of each sample over its picture: (n, features, height, width).

    >>> import rushlight as rl
    >>> InstanceNorm2d(3, affine=True)(rl.ones(2, 3, 4, 5)).shape
    (2, 3, 4, 5)
    """

    ranks = (4,)


@register
class InstanceNorm3d(_InstanceNorm):
    """Normalises each feature of each sample over its volume: (n, features, depth, height, width).

    >>> import rushlight as rl
    >>> InstanceNorm3d(3)(rl.ones(2, 3, 2, 4, 5)).shape
    (2, 3, 2, 4, 5)
    """

    ranks = (5,)


@op
def batch_norm(layer: _BatchNorm, x: Any) -> Tensor:
    """Return what a batch norm layer makes of `x`, and move its running statistics in training."""
    x = as_tensor(x)
    layer._check(x)
    shape = (1, layer.features) + (1,) * (x.ndim - 2)
    kept = layer._kept()
    if kept is None:
        axes = (0, *range(2, x.ndim))
        count = x.size // layer.features
        if count < 2:
            hint = "use a larger batch, or model.eval()"
            raise ShapeError("one value a feature has no variance to train on", hint=hint)
        mean = x.mean(axes)
        centred = x - mean.reshape(shape)
        var = (centred * centred).mean(axes)
        layer._move(mean.detach(), var.detach() * (count / (count - 1)))
    else:
        mean, var = kept
        centred = x - mean.reshape(shape)
    if layer.weight is None or layer.bias is None:
        return centred / (var + layer.eps).sqrt().reshape(shape)  # type: ignore[no-any-return]
    scale = layer.weight / (var + layer.eps).sqrt()
    return centred * scale.reshape(shape) + layer.bias.reshape(shape)  # type: ignore[no-any-return]


@op
def instance_norm(layer: _InstanceNorm, x: Any) -> Tensor:
    """Return what an instance norm makes of `x`, and move its running statistics in training."""
    x = as_tensor(x)
    layer._check(x)
    shape = (1, layer.features) + (1,) * (x.ndim - 2)
    kept = layer._kept()
    if kept is None:
        axes = tuple(range(2, x.ndim))
        count = x.size // max(x.shape[0] * layer.features, 1)
        if x.shape[0] and count < 2:
            raise ShapeError("one value a feature of a sample has no variance to normalise by")
        mean = x.mean(axes, keepdims=True)
        centred = x - mean
        var = (centred * centred).mean(axes, keepdims=True)
        normal = centred / (var + layer.eps).sqrt()
        if layer.training and x.shape[0]:
            unbiased = var.detach().mean(0).reshape(-1) * (count / (count - 1))
            layer._move(mean.detach().mean(0).reshape(-1), unbiased)
    else:
        mean, var = (one.reshape(shape) for one in kept)
        normal = (x - mean) / (var + layer.eps).sqrt()
    if layer.weight is None or layer.bias is None:
        return normal  # type: ignore[no-any-return]
    return normal * layer.weight.reshape(shape) + layer.bias.reshape(shape)  # type: ignore[no-any-return]


@register
class GroupNorm(Module):
    """Normalises each sample over groups of its channels, and all after: (n, channels, ...).

    Wu and He 2018.

    Args:
        groups: how many; their number divides the channels.
        channels: size of axis 1.
        eps: added to a variance.
        affine: whether there are a weight and a bias for each channel to train.

    >>> import rushlight as rl
    >>> GroupNorm(2, 6)(rl.ones(5, 6, 4, 4)).shape
    (5, 6, 4, 4)
    """

    def __init__(self, groups: int, channels: int, eps: float = 1e-5, affine: bool = True) -> None:
        check_sizes(groups=groups, channels=channels)
        if channels % groups:
            raise ModuleError(f"{channels} channels do not make {groups} groups of one size")
        self.groups = groups
        self.channels = channels
        self.eps = checked_number("eps", eps)
        affine = checked_flag("affine", affine)
        self.weight = Parameter(ones(channels)) if affine else None
        self.bias = Parameter(zeros(channels)) if affine else None

    def forward(self, x: Any) -> Tensor:
        x = as_tensor(x)
        if x.shape[1:2] != (self.channels,):
            raise ShapeError(f"the input should be (n, {self.channels}, ...), it is {x.shape}")
        return group_norm(x, self.groups, self.weight, self.bias, self.eps)


@op
def group_norm(
    x: Any,
    groups: int,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    eps: float = 1e-5,
) -> Tensor:
    """Return `x` (n, channels, ...) normalised over groups of channels and all axes after.

    `weight` and `bias` are (channels,).

    >>> import rushlight as rl
    >>> group_norm(rl.tensor([[1.0, 3.0, 5.0, 9.0]]), 2, eps=0.0)
    tensor([[-1.,  1., -1.,  1.]])
    """
    x = as_tensor(x)
    if x.ndim < 2:
        raise ShapeError(f"the input should be (n, channels, ...), it is {x.shape}")
    channels = x.shape[1]
    if not isinstance(groups, (int, np.integer)) or groups < 1 or channels % groups:
        raise ShapeError(f"{channels} channels do not make {groups} groups of one size")
    each = x.size // (x.shape[0] * groups) if x.size else 0
    normal: Tensor = normalize(x.reshape(x.shape[0], groups, each), (2,), eps) if x.size else x
    normal = normal.reshape(x.shape)
    shape = (1, channels) + (1,) * (x.ndim - 2)
    normal = normal if weight is None else normal * weight.reshape(shape)
    return normal if bias is None else normal + bias.reshape(shape)


@register
class LayerNorm(Module):
    """Normalises each sample over its last axes, of the sizes given. Ba, Kiros and Hinton 2016.

    Args:
        shape: the sizes of the axes.
        eps: added to a variance.
        affine: whether there is a weight to train.
        bias: whether there is a bias beside it.

    >>> import rushlight as rl
    >>> LayerNorm(3)(rl.ones(2, 3)).shape
    (2, 3)
    """

    def __init__(
        self,
        shape: int | Sequence[int],
        eps: float = 1e-5,
        affine: bool = True,
        bias: bool = True,
    ) -> None:
        self.shape = _checked_shape(shape)
        self.eps = checked_number("eps", eps)
        affine, bias = checked_flag("affine", affine), checked_flag("bias", bias)
        self.weight = Parameter(ones(self.shape)) if affine else None
        self.bias = Parameter(zeros(self.shape)) if affine and bias else None

    def forward(self, x: Any) -> Tensor:
        return layer_norm(x, self.weight, self.bias, self.eps, self.shape)


@op
def layer_norm(
    x: Any,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    eps: float = 1e-5,
    shape: Sequence[int] | None = None,
) -> Tensor:
    """Return `x` normalised over its last axes, scaled by a weight and moved by a bias.

    Args:
        x: of any shape.
        weight: of the sizes of the axes.
        bias: likewise.
        eps: added to a variance.
        shape: the sizes of the axes; those of the weight, or else the last one, without it.

    >>> import rushlight as rl
    >>> layer_norm(rl.tensor([1.0, 3.0]), rl.ones(2), rl.zeros(2), eps=0.0)
    tensor([-1.,  1.])
    """
    x = as_tensor(x)
    normal: Tensor = normalize(x, _last_axes(x, weight, shape), eps)
    normal = normal if weight is None else normal * weight
    return normal if bias is None else normal + bias


@register
class RMSNorm(Module):
    """Divides each sample by the root of the mean square over its last axes.

    Zhang and Sennrich 2019: what LayerNorm does without its mean.

    Args:
        shape: the sizes of the axes.
        eps: added to a mean square; None for the smallest step of the input's dtype from 1.
        affine: whether there is a weight to train.

    >>> import rushlight as rl
    >>> RMSNorm(2)(rl.tensor([[3.0, 3.0]]))
    tensor([[1., 1.]], requires_grad=True)
    """

    def __init__(
        self, shape: int | Sequence[int], eps: float | None = None, affine: bool = True
    ) -> None:
        self.shape = _checked_shape(shape)
        self.eps = None if eps is None else checked_number("eps", eps)
        self.weight = Parameter(ones(self.shape)) if checked_flag("affine", affine) else None

    def forward(self, x: Any) -> Tensor:
        return rms_norm(x, self.weight, self.eps, self.shape)


@op
def rms_norm(
    x: Any,
    weight: Tensor | None = None,
    eps: float | None = None,
    shape: Sequence[int] | None = None,
) -> Tensor:
    """Return `x` by the root of the mean square over its last axes, scaled by a weight.

    `shape` is that of `layer_norm`; without an `eps` it is the smallest step of the dtype from 1.

    >>> import rushlight as rl
    >>> rms_norm(rl.tensor([3.0, 3.0]))
    tensor([1., 1.])
    """
    x = as_tensor(x)
    axes = _last_axes(x, weight, shape)
    step = float(np.finfo(x.dtype.storage).eps) if x.dtype.is_float else 0.0
    mean_square = (x * x).mean(axes, keepdims=True)
    normal: Tensor = x / (mean_square + (step if eps is None else eps)).sqrt()
    return normal if weight is None else normal * weight


@register
class LocalResponseNorm(Module):
    """Divides each value by a power of the squares of the channels around: (n, channels, ...).

    x / (k + alpha * mean of x^2 over `size` channels)^beta, as in PyTorch. Krizhevsky et al. 2012.

    >>> import rushlight as rl
    >>> LocalResponseNorm(3)(rl.ones(2, 4, 5, 5)).shape
    (2, 4, 5, 5)
    """

    def __init__(self, size: int, alpha: float = 1e-4, beta: float = 0.75, k: float = 1.0) -> None:
        check_sizes(size=size)
        self.size = size
        self.alpha = checked_number("alpha", alpha)
        self.beta = checked_number("beta", beta)
        self.k = checked_number("k", k)

    def forward(self, x: Any) -> Tensor:
        return local_response_norm(x, self.size, self.alpha, self.beta, self.k)


@op
def local_response_norm(
    x: Any, size: int, alpha: float = 1e-4, beta: float = 0.75, k: float = 1.0
) -> Tensor:
    """Return x / (k + alpha * mean of x^2 over `size` channels)^beta: (n, channels, ...).

    >>> import rushlight as rl
    >>> local_response_norm(rl.ones(1, 2), 1, alpha=1.0, beta=1.0)
    tensor([[0.5, 0.5]])
    """
    x = as_tensor(x)
    if x.ndim < 2:
        raise ShapeError(f"the input should be (n, channels, ...), it is {x.shape}")
    channels = x.shape[1]
    widths = [(0, 0), (size // 2, (size - 1) // 2), *[(0, 0)] * (x.ndim - 2)]
    squares = (x * x).pad(widths)
    total = squares[:, :channels]
    for place in range(1, size):
        total = total + squares[:, place : place + channels]
    return x / (total * (alpha / size) + k) ** beta  # type: ignore[no-any-return]


def _checked_shape(shape: int | Sequence[int]) -> Shape:
    """Return the sizes of the axes to normalise over, or raise."""
    sizes = as_shape(shape)
    if not sizes:
        raise ModuleError("it needs at least one axis to normalise over")
    check_sizes(**{f"axis {axis}": size for axis, size in enumerate(sizes)})
    return sizes


def _last_axes(x: Tensor, weight: Tensor | None, shape: Sequence[int] | None) -> Shape:
    """Return which axes of `x` have the sizes asked for, or raise."""
    if shape is not None:
        sizes = as_shape(shape)
    else:
        sizes = x.shape[-1:] if weight is None else weight.shape
    rank = len(sizes)
    if x.ndim < rank or x.shape[x.ndim - rank :] != sizes:
        raise ShapeError(f"the input should end in {sizes}, it is {x.shape}")
    return tuple(range(x.ndim - rank, x.ndim))
