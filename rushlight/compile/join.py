"""Joining loops: whether two kernels have the same axes, and how one becomes part of the other."""

from dataclasses import replace

from rushlight.compile.access import Place, Places, at
from rushlight.compile.soft import Kernel, fold_axes
from rushlight.core.kernels import ArgFold, Fold, Record
from rushlight.core.shapes import size_of
from rushlight.graph.ir import GraphValue, Node

FEW_ROWS, SMALL = 16, 4096  # a loop that folds has so many rows, or so few elements

Joined = tuple[list[int], tuple[int, ...], dict[int, int]]


def initial_loop(node: Node, record: Record) -> Kernel:
    """Return the loop that computes one soft node alone."""
    value = node.outputs[0]
    if not isinstance(record, (Fold, ArgFold)):
        return Kernel([n for n in value.shape if n != 1], {value: whole(value)})
    x, axes = node.inputs[0], fold_axes(record)
    keeps = len(value.shape) == len(x.shape)
    order = [a for a in range(len(x.shape)) if a not in axes] + sorted(axes)
    order = [axis for axis in order if x.shape[axis] != 1]
    number = {axis: i for i, axis in enumerate(order)}
    kept = [a for a in range(len(x.shape)) if keeps or a not in axes]
    place = tuple(at(number.get(a) if a not in axes else None) for a in kept)
    folded = tuple(number[axis] for axis in sorted(axes) if axis in number)
    return Kernel([x.shape[axis] for axis in order], {value: place}, folded)


def whole(value: GraphValue) -> Places:
    """Return where the elements of a value stand in a loop over its long axes."""
    axes = iter(range(len(value.shape)))
    return tuple(Place() if size == 1 else at(next(axes)) for size in value.shape)


def single(place: Place) -> int | None:
    """Return the axis that an index walks along by itself, if that is all it does."""
    if place.start or place.variable or len(place.steps) != 1 or place.steps[0][1] != 1:
        return None
    return place.steps[0][0]


def renamed(place: Place, axes: dict[int, int]) -> Place:
    """Return the place over axes that have other numbers."""
    return replace(place, steps=tuple((axes[a], s) for a, s in place.steps))


def joined(kernel: Kernel, host: Kernel, axes: dict[int, int]) -> Joined | None:
    """Return sizes and folded axes of the merged loop, and which axis each of the kernel's is."""
    if not axes and size_of(tuple(kernel.sizes)) != 1:
        return None
    loose = [axis for axis in range(len(kernel.sizes)) if axis not in axes]
    free = {axis for axis in range(len(host.sizes)) if axis not in axes.values()}
    if not free <= set(host.folded):
        return None
    sizes, folded, axes = list(host.sizes), host.folded, dict(axes)
    if loose and folded:
        if [kernel.sizes[axis] for axis in loose] != [sizes[axis] for axis in folded]:
            return None
        if free != set(folded):
            return None
        axes |= dict(zip(loose, folded, strict=True))
    elif loose:
        axes |= {axis: len(sizes) + i for i, axis in enumerate(loose)}
        sizes += [kernel.sizes[axis] for axis in loose]
        folded = tuple(axes[axis] for axis in loose)
    mine = tuple(axes[axis] for axis in kernel.folded)
    if mine and not folded:
        if mine != tuple(range(len(sizes)))[-len(mine) :]:
            return None
        folded = mine
    if mine and mine != folded:
        return None
    rows = size_of(tuple(n for axis, n in enumerate(sizes) if axis not in folded))
    if folded and rows < FEW_ROWS and size_of(tuple(sizes)) > SMALL:
        return None
    return sizes, folded, axes


def joined_in_product(kernel: Kernel, host: Kernel, axes: dict[int, int]) -> Joined | None:
    """Return the same for a loop over all elements of a product's result."""
    if host.node is None or kernel.folded or len(axes) != len(kernel.sizes):
        return None
    places = host.place[host.node.outputs[0]]
    moving = {single(place) for place in places if place != Place()}
    long = {axis for axis in moving if axis is not None and host.sizes[axis] != 1}
    if None in moving or long != set(axes.values()):
        return None
    return host.sizes, host.folded, axes
