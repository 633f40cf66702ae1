"""How near two vectors are, and the losses that want a margin between right and wrong."""

from typing import Any

from rushlight.core.bind import as_value, op
from rushlight.core.errors import ShapeError, UsageError
from rushlight.core.shapes import broadcast_shapes, normalize_axis
from rushlight.ops.composite import as_float
from rushlight.ops.elementwise import where
from rushlight.ops.losses import class_weights, labels_of, paired, picked, reduced, shares_of
from rushlight.ops.movement import expanded
from rushlight.ops.reduce import norm, sum

TINY = 1e-12  # added to squared lengths in the loss of cosines


@op
def cosine_similarity(left: Any, right: Any, axis: int = 1, eps: float = 1e-8) -> Any:
    """Return the cosine of the angle between vectors, those of a length below `eps` counting as so.

    >>> import rushlight as rl
    >>> rl.nn.functional.cosine_similarity(rl.tensor([[3.0, 0.0]]), rl.tensor([[1.0, 1.0]]))
    tensor([0.7071068])
    """
    left, right = as_float(left), as_float(right)
    shape = broadcast_shapes(left.shape, right.shape)
    left, right = expanded(left, shape), expanded(right, shape)
    axis = normalize_axis(axis, len(shape))
    squares = [sum(x * x, axis) for x in (left, right)]
    lengths = [where(x < eps * eps, eps * eps, x).sqrt() for x in squares]
    return sum(left * right, axis) / (lengths[0] * lengths[1])


@op
def pairwise_distance(
    left: Any, right: Any, p: float = 2.0, eps: float = 1e-6, keepdims: bool = False
) -> Any:
    """Return the p-norm of left - right + eps over the last axis; `p` may be infinite.

    >>> import rushlight as rl
    >>> rl.nn.functional.pairwise_distance(rl.tensor([3.0, 0.0]), rl.tensor([0.0, 4.0]))
    tensor(5.)
    """
    if not p > 0.0:
        raise UsageError(f"p is above 0, not {p!r}")
    return norm(as_value(left) - right + eps, p, -1, keepdims)


@op
def hinge_embedding_loss(
    distances: Any, target: Any, reduction: str = "mean", margin: float = 1.0
) -> Any:
    """Return the distance of what belongs together (1), and what others (-1) lack of the margin.

    >>> import rushlight as rl
    >>> losses = rl.nn.functional.hinge_embedding_loss
    >>> losses(rl.tensor([0.2, 0.2]), rl.tensor([1.0, -1.0]), "none")
    tensor([0.2, 0.8])
    """
    x, target = paired(distances, target)
    apart = where(target != 1.0, (margin - x).relu(), 0.0)
    return reduced(where(target != -1.0, x, 0.0) + apart, x.shape, reduction)


@op
def soft_margin_loss(prediction: Any, target: Any, reduction: str = "mean") -> Any:
    """Return log(1 + exp(-target * prediction)) for targets of 1 and -1, without overflow.

    >>> import rushlight as rl
    >>> rl.nn.functional.soft_margin_loss(rl.tensor([0.0]), rl.tensor([-1.0]))
    tensor(0.6931472)
    """
    x, target = paired(prediction, target)
    return reduced((-target * x).softplus(), x.shape, reduction)


@op
def margin_ranking_loss(
    first: Any, second: Any, target: Any, reduction: str = "mean", margin: float = 0.0
) -> Any:
    """Return what lacks until `first` is above `second` by the margin; below where target is -1.

    >>> import rushlight as rl
    >>> losses = rl.nn.functional.margin_ranking_loss
    >>> losses(rl.tensor([1.0, 1.0]), rl.tensor([3.0, 3.0]), rl.tensor([1.0, -1.0]), "none")
    tensor([2., 0.])
    """
    first, second = paired(first, second)
    first, target = paired(first, target)
    losses = (margin - target * (first - second)).relu()
    return reduced(losses, first.shape, reduction)


@op
def multi_margin_loss(
    scores: Any,
    labels: Any,
    reduction: str = "mean",
    p: int = 1,
    margin: float = 1.0,
    weight: Any = None,
) -> Any:
    """Return what the label's score lacks of being the margin above each other, a mean of classes.

    Args:
        scores: (..., classes).
        labels: integers (...).
        reduction: "mean", "sum" or "none".
        p: the power to which a lack counts, 1 or 2.
        margin: how far the label's score should be above the others.
        weight: how much each class counts, (classes,); a mean is not divided by it.

    >>> import rushlight as rl
    >>> rl.nn.functional.multi_margin_loss(rl.tensor([[0.5, 0.0]]), rl.tensor([0]))
    tensor(0.25)
    """
    if p not in (1, 2):
        raise UsageError(f"p is 1 or 2, not {p!r}")
    scores = as_value(scores)
    labels = labels_of(scores, labels)
    weight = class_weights(weight, scores)
    lacks = (scores - picked(scores, labels) + margin).relu()  # of the label itself, the margin
    lacks = lacks if p == 1 else lacks * lacks
    shares = shares_of(weight, labels)
    lacks = lacks if shares is None else lacks * shares
    own = picked(lacks, labels)
    losses = (sum(lacks, -1, keepdims=True) - own) * (1.0 / scores.shape[-1])
    return reduced(losses, labels.shape, reduction)


@op
def cosine_embedding_loss(
    left: Any, right: Any, target: Any, reduction: str = "mean", margin: float = 0.0
) -> Any:
    """Return 1 - cosine where the target is 1, and what the cosine exceeds the margin by at -1.

    Args:
        left: vectors (n, width) or one (width,).
        right: of the same shape.
        target: 1 where they belong together, -1 where not: (n,) or ().
        reduction: "mean", "sum" or "none".
        margin: from -1 to 1.

    >>> import rushlight as rl
    >>> x, y = rl.tensor([[1.0, 0.0]]), rl.tensor([[0.0, 1.0]])
    >>> rl.nn.functional.cosine_embedding_loss(x, y, rl.tensor([1]))
    tensor(1.)
    """
    left, right = paired(left, right)
    if not left.shape:
        raise ShapeError("a scalar has no direction")
    squares = [sum(x * x, -1) + TINY for x in (left, right)]
    cosines, target = paired(sum(left * right, -1) / (squares[0] * squares[1]).sqrt(), target)
    together = where(target == 1.0, 1.0 - cosines, 0.0)
    apart = where(target == -1.0, (cosines - margin).relu(), 0.0)
    return reduced(together + apart, cosines.shape, reduction)


@op
def triplet_margin_loss(
    anchor: Any,
    positive: Any,
    negative: Any,
    reduction: str = "mean",
    margin: float = 1.0,
    p: float = 2.0,
    eps: float = 1e-6,
    swap: bool = False,
) -> Any:
    """Return what a negative lacks of being farther from its anchor than a positive by a margin.

    Args:
        anchor: vectors (..., width).
        positive: of the anchor's kind, of the same shape.
        negative: of another kind, of the same shape.
        reduction: "mean", "sum" or "none".
        margin: by how much.
        p: of the norm, as in `pairwise_distance`.
        eps: as there.
        swap: take the distance of positive and negative where it is the smaller one (Balntas et
            al. 2016).

    >>> import rushlight as rl
    >>> near, far = rl.tensor([[1.0, 0.0]]), rl.tensor([[1.5, 0.0]])
    >>> round(rl.nn.functional.triplet_margin_loss(rl.zeros(1, 2), near, far).item(), 3)
    0.5
    """
    anchor, positive = paired(anchor, positive)
    anchor, negative = paired(anchor, negative)
    near = pairwise_distance(anchor, positive, p, eps)
    far = pairwise_distance(anchor, negative, p, eps)
    if swap:
        other = pairwise_distance(positive, negative, p, eps)
        far = far.minimum(other)
    return reduced((near - far + margin).relu(), near.shape, reduction)
