"""Connectionist temporal classification: the loss of a sequence whose alignment is not known."""

from typing import Any

import numpy as np

from rushlight.core.bind import as_value, op
from rushlight.core.dtypes import int64
from rushlight.core.errors import DTypeError, ShapeError, UsageError
from rushlight.ops.elementwise import where
from rushlight.ops.gather import gather, take
from rushlight.ops.losses import reduced
from rushlight.ops.movement import concat, expanded, stack, unsqueeze
from rushlight.ops.pointwise import cast
from rushlight.ops.reduce import logsumexp, mean

IMPOSSIBLE = -1e30  # the logarithm of a chance of 0: finite, for differences of infinities are NaN


@op
def ctc_loss(
    log_probabilities: Any,
    targets: Any,
    input_lengths: Any,
    target_lengths: Any,
    reduction: str = "mean",
    blank: int = 0,
    zero_infinity: bool = False,
) -> Any:
    """Return -log of the chance of each target, over all its alignments with the input.

    Graves et al. 2006, section 4: their alpha, in logarithms. A target that is too long for its
    input costs infinity, with a gradient of 0.

    Args:
        log_probabilities: of the classes at each time, (times, n, classes).
        targets: the classes wanted, (n, longest), any class after the length of each.
        input_lengths: how many of the times count, (n,).
        target_lengths: how many of the classes count, (n,).
        reduction: "mean" (of each loss by its target's length), "sum" or "none".
        blank: the class that stands for none.
        zero_infinity: count a target that is too long as 0.

    >>> import rushlight as rl
    >>> even = rl.zeros(2, 1, 2).log_softmax()
    >>> rl.nn.functional.ctc_loss(even, [[1]], [2], [1])  # -log(3/4): of "1 1", "1 _", "_ 1"
    tensor(0.2876821)
    """
    logs = as_value(log_probabilities)
    targets, inputs, lengths = _checked(logs, targets, input_lengths, target_lengths, blank)
    logs = where(logs < IMPOSSIBLE, IMPOSSIBLE, logs)
    total = _log_chance(logs, _with_blanks(targets, blank), inputs, lengths, blank)
    possible = total > IMPOSSIBLE / 2.0
    losses = where(possible, -total, 0.0 if zero_infinity else float("inf"))
    if reduction != "mean":
        return reduced(losses, losses.shape, reduction)
    counts = cast(where(lengths > 1, lengths, 1), losses.dtype)
    return mean(losses / counts)


def _log_chance(logs: Any, path: Any, inputs: Any, lengths: Any, blank: int) -> Any:
    """Return the logarithm of the chance of each path, (n,)."""
    n, steps = path.shape
    never = as_value(IMPOSSIBLE, logs.dtype)
    # A class may follow the one before it without a blank between them, unless it is the same.
    skips = (path[:, 2:] != path[:, :-2]).logical_and(path[:, 2:] != blank)
    alpha = concat(
        [expanded(as_value(0.0, logs.dtype), (n, 1)), expanded(never, (n, steps - 1))], 1
    )
    for time in range(logs.shape[0]):
        one = concat([expanded(never, (n, 1)), alpha[:, :-1]], 1)
        two = concat([expanded(never, (n, 2)), where(skips, alpha[:, :-2], IMPOSSIBLE)], 1)
        ways = stack([alpha, one, two] if steps > 1 else [alpha])
        following = logsumexp(ways, 0) + gather(logs[time], 1, path)
        alpha = where(unsqueeze(inputs > time, 1), following, alpha)
    last = unsqueeze(lengths * 2, 1)  # a path ends with its last class, or with the blank after it
    with_blank = gather(alpha, 1, last)
    without = gather(alpha, 1, where(last > 0, last - 1, 0))
    return logsumexp(concat([with_blank, where(last > 0, without, IMPOSSIBLE)], 1), 1)


def _with_blanks(targets: Any, blank: int) -> Any:
    """Return the classes with a blank before, between and after them: (n, s) gives (n, 2s + 1)."""
    n, longest = targets.shape
    one = as_value(blank, int64)
    pairs = stack([expanded(one, (n, longest)), targets], 2)
    return concat([pairs.reshape(n, 2 * longest), expanded(one, (n, 1))], 1)


def _checked(
    logs: Any, targets: Any, input_lengths: Any, target_lengths: Any, blank: int
) -> tuple[Any, ...]:
    """Return targets and lengths as int64, or raise where they do not fit."""
    if logs.rank != 3 or not logs.dtype.is_float:
        raise ShapeError(f"it takes floats (times, n, classes), not {logs.spec}")
    n, classes = logs.shape[1:]
    if not isinstance(blank, int) or not 0 <= blank < classes:
        raise UsageError(f"blank is a class from 0 to {classes - 1}, not {blank!r}")
    given = [
        ("targets", targets, 2),
        ("input_lengths", input_lengths, 1),
        ("target_lengths", target_lengths, 1),
    ]
    values = []
    for name, x, rank in given:
        x = as_value(x)
        if x.dtype.is_float and 0 not in x.shape:  # an empty list is of no dtype
            raise DTypeError(f"{name} are integers, not {x.dtype}")
        if x.rank != rank or x.shape[:1] != (n,):
            shape = f"({n}, longest)" if rank == 2 else f"({n},)"
            raise ShapeError(f"{name} should be {shape}, they are {x.shape}")
        values.append(cast(x, int64))
    classes_wanted, inputs, lengths = values
    every_time = as_value(np.arange(logs.shape[0] + 1))
    return classes_wanted, take(every_time, inputs), lengths  # which looks that inputs fit
