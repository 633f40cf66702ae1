"""Fusion: which values share a kernel.

Pointwise ops, lookups and folds become loops. A value that is used once, or is cheap, is worked out
where it is used; the others are `defs` of a kernel. Starting from one kernel a def, each is merged
into the last kernel that it depends on, where their loops agree: a softmax and its gradient become
one loop over rows, an optimiser's update the epilogue of the product that is its gradient.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from rushlight.compile.access import (
    Place,
    Places,
    Views,
    at,
    broadcast,
    identity,
    lowered,
    substitute,
)
from rushlight.core.kernels import (
    ArgFold,
    Contraction,
    Deposit,
    Fold,
    Lookup,
    Map,
    RandomBits,
    Record,
    Reinterpret,
    Term,
)
from rushlight.core.shapes import size_of
from rushlight.graph.ir import Graph, GraphValue, Node

SLOW = {"exp", "log", "tanh", "sigmoid", "sin", "cos", "pow", "sqrt", "erf"}
CHEAP = 4  # how much work may be done twice rather than kept in memory
FEW_ROWS, SMALL = 16, 4096  # a loop that folds has so many rows, or so few elements
MOST_ON_STACK = 2048  # elements of a row that is kept between two loops over it
MOST_OPERANDS = 16  # of an epilogue


@dataclass(eq=False)
class Kernel:
    """Loops over `sizes`; in `folded` are the axes that some def sums over.

    `place` says for each def where along the axes its element stands. A kernel around a structured
    op (`node`) computes that first; what else it defines is its epilogue.
    """

    sizes: list[int]
    place: dict[GraphValue, Places]
    folded: tuple[int, ...] = ()
    node: Node | None = None
    record: Record | None = None
    kept: set[GraphValue] = field(default_factory=set)  # the defs that need memory

    @property
    def defs(self) -> list[GraphValue]:
        return list(self.place)

    @property
    def rows(self) -> list[int]:
        """The axes that no def sums over."""
        return [axis for axis in range(len(self.sizes)) if axis not in self.folded]

    @property
    def is_loop(self) -> bool:
        return self.node is None


class Fuser:
    """What is known of a graph while its kernels are made; `kernels` are in order of execution."""

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.views = Views(graph.nodes)
        self.producer = {v: node for node in graph.nodes for v in node.outputs}
        self.records: dict[Node, Record] = {}
        for node in graph.nodes:
            record = lowered(node)
            if record is None:
                raise NotImplementedError(node.primitive.name)
            self.records[node] = record  # type: ignore[assignment]
        self.number = {node: i for i, node in enumerate(graph.nodes)}
        self.results = {self.views.root(value) for value in graph.results()}
        self.uses = self._count_uses()
        self.home: dict[GraphValue, Kernel] = {}  # def -> its kernel
        self.cost: dict[GraphValue, int] = {}
        self.kernels: list[Kernel] = []
        for node in graph.nodes:
            self._enter(node)
        self._choose_kept()

    def _choose_kept(self) -> None:
        """Note which defs other kernels or the caller read, or are too wide to keep otherwise."""
        for kernel in self.kernels:
            kernel.kept = {v for v in kernel.defs if v in self.results}
            width = size_of(tuple(kernel.sizes[axis] for axis in kernel.folded))
            if kernel.is_loop and width > MOST_ON_STACK:
                kernel.kept |= set(kernel.defs)
        for kernel in self.kernels:
            for value in self.values_read(kernel):
                if value in self.home and self.home[value] is not kernel:
                    self.home[value].kept.add(value)

    def is_soft(self, node: Node) -> bool:
        """Return whether a node is worked out in loops, element by element."""
        record = self.records[node]
        if isinstance(record, Deposit):
            return is_choice(record, node)
        return isinstance(record, (Map, Fold, ArgFold, Lookup))

    def is_view(self, node: Node) -> bool:
        return self.views.root(node.outputs[0]) is not node.outputs[0]

    def _count_uses(self) -> dict[GraphValue, int]:
        uses: dict[GraphValue, int] = {}
        for node in self.graph.nodes:
            if not self.is_view(node):
                for value in {self.views.root(x) for x in node.inputs}:
                    uses[value] = uses.get(value, 0) + 1
        return uses

    def _enter(self, node: Node) -> None:
        if self.is_view(node):
            return
        value = node.outputs[0]
        if not self.is_soft(node):
            self._enter_structured(node)
            return
        self.cost[value] = self._cost(node)
        if not self._needs_kernel(node):
            return
        kernel = initial_loop(node, self.records[node])
        host = self._last_dependency(kernel)
        if host is None or not self._merge(kernel, host):
            self._append(kernel)

    def _enter_structured(self, node: Node) -> None:
        record = self.records[node]
        place: dict[GraphValue, Places] = {}
        sizes: list[int] = []
        folded: tuple[int, ...] = ()
        if isinstance(record, Contraction):
            sizes = list(record.sizes)
            loops = tuple(at(None if n == 1 else axis) for axis, n in enumerate(sizes))
            place = {node.outputs[0]: substitute(record.out, loops)}
            moving = {axis for term in record.out for axis, _ in term.steps}
            folded = tuple(axis for axis in range(len(sizes)) if axis not in moving)
        else:
            place = {v: substitute(identity(v.shape), _whole(v)) for v in node.outputs}
        self._append(Kernel(sizes, place, folded, node, record))

    def _append(self, kernel: Kernel) -> None:
        """Enter a kernel in order, but scalars and random bits as early as can be.

        What comes late in a graph but depends on little, such as an optimiser's count of steps,
        would otherwise keep others from being merged.
        """
        early = not kernel.sizes if kernel.is_loop else isinstance(kernel.record, RandomBits)
        if early:
            last = self._last_dependency(kernel)
            self.kernels.insert(0 if last is None else self.kernels.index(last) + 1, kernel)
        else:
            self.kernels.append(kernel)
        for value in kernel.defs:
            self.home[value] = kernel

    def _cost(self, node: Node) -> int:
        cost = 8 if node.primitive.name in SLOW else 3 if node.primitive.name == "div" else 1
        for x in node.inputs:
            root = self.views.root(x)
            if root not in self.home and size_of(root.shape) > 1:
                cost += self.cost.get(root, 0)
        return cost

    def _needs_kernel(self, node: Node) -> bool:
        value = node.outputs[0]
        if value in self.results or isinstance(self.records[node], (Fold, ArgFold)):
            return True
        if any(
            not self.is_soft(user)
            for user in self.graph.nodes
            if not self.is_view(user) and value in map(self.views.root, user.inputs)
        ):
            return True
        repeats = self.uses.get(value, 0) - 1
        return size_of(value.shape) > 1 and self.cost[value] * repeats > CHEAP

    def is_fold(self, value: GraphValue) -> bool:
        """Return whether a value is a fold over more or fewer elements than one."""
        node = self.producer[value]
        record = self.records[node]
        if not isinstance(record, (Fold, ArgFold)):
            return False
        return any(node.inputs[0].shape[axis] != 1 for axis in fold_axes(record))

    def stages(self, kernel: Kernel) -> dict[GraphValue, int]:
        """Return for each def of a loop after how many rounds of folds its operands are known."""
        stages: dict[GraphValue, int] = {}
        for value in kernel.defs:
            others = self.local_operands(value, kernel)
            stages[value] = max((stages[v] + self.is_fold(v) for v in others), default=0)
        return stages

    def stage_count(self, kernel: Kernel) -> int:
        return max(self.stages(kernel).values(), default=0) + 1

    def nodes_of(self, kernel: Kernel) -> list[Node]:
        """Return the nodes that a kernel computes, those worked out where they are used too."""
        found: dict[Node, None] = {}
        if kernel.node is not None:
            found[kernel.node] = None
        waiting = [self.producer[v] for v in kernel.defs]
        while waiting:
            node = waiting.pop()
            if node is not kernel.node and node in found:
                continue
            found[node] = None
            if node is kernel.node:
                continue
            for x in node.inputs:
                root = self.views.root(x)
                if root in self.producer and root not in self.home:
                    waiting.append(self.producer[root])
        return sorted(found, key=self.number.__getitem__)

    def reads(self, kernel: Kernel) -> Iterator[tuple[GraphValue, Places]]:
        """Yield the values that are read, with where: defs of kernels, inputs of the graph."""
        structured: tuple[GraphValue, ...] = ()
        if kernel.node is not None:
            structured = kernel.node.outputs
            for x in kernel.node.inputs:
                yield self.views.root(x), (Place(variable="any"),) * len(x.shape)
        for value in kernel.defs:
            if value not in structured:
                yield from self._expand(value, kernel, kernel.place[value], set())

    def values_read(self, kernel: Kernel) -> set[GraphValue]:
        return {value for value, _ in self.reads(kernel)}

    def local_operands(self, value: GraphValue, kernel: Kernel) -> set[GraphValue]:
        """Return the defs of the same kernel from which one is computed, directly."""
        if kernel.node is not None and value in kernel.node.outputs:
            return set()
        found = self._expand(value, kernel, kernel.place[value], set())
        return {other for other, _ in found if other in kernel.place}

    def _expand(
        self,
        value: GraphValue,
        kernel: Kernel,
        places: Places,
        seen: set[tuple[GraphValue, Places]],
    ) -> Iterator[tuple[GraphValue, Places]]:
        node = self.producer[value]
        for x, there in operand_places(node, self.records[node], places, kernel):
            root, at_root = self.views.places(x, there)
            if (root, at_root) in seen:
                continue
            seen.add((root, at_root))
            if root in self.home or root in kernel.place or root not in self.producer:
                yield root, at_root
            else:
                yield from self._expand(root, kernel, at_root, seen)

    def _last_dependency(self, kernel: Kernel) -> Kernel | None:
        homes = {self.home[v] for v in self.values_read(kernel) if v in self.home}
        return max(homes, key=self.kernels.index) if homes else None

    def _merge(self, kernel: Kernel, host: Kernel) -> bool:
        """Make a new loop part of the kernel `host`, if their axes agree."""
        if host.node is not None and not takes_epilogue(host.node, host.record):
            return False
        axes = self._linked_axes(kernel, host)
        if axes is None:
            return False
        merged = (
            _joined_in_product(kernel, host, axes) if host.node else _joined(kernel, host, axes)
        )
        if merged is None:
            return False
        if host.node is not None and not self._fits_epilogue(kernel, host):
            return False
        host.sizes, host.folded, axes = merged
        for value, places in kernel.place.items():
            host.place[value] = tuple(_renamed(place, axes) for place in places)
            self.home[value] = host
        return True

    def _linked_axes(self, kernel: Kernel, host: Kernel) -> dict[int, int] | None:
        """Return which axis of the host each axis of the kernel is, as far as reads tell."""
        axes: dict[int, int] = {}
        for value, places in self.reads(kernel):
            if self.home.get(value) is not host:
                continue
            for place, there in zip(places, host.place[value], strict=True):
                if place == Place() == there:
                    continue
                mine, theirs = _single(place), _single(there)
                if mine is None or theirs is None or axes.setdefault(mine, theirs) != theirs:
                    return None
                if kernel.sizes[mine] != host.sizes[theirs]:
                    return None
        return axes if len(set(axes.values())) == len(axes) else None

    def _fits_epilogue(self, kernel: Kernel, host: Kernel) -> bool:
        for value in kernel.defs:
            if not self._is_all_maps(value):
                return False
        operands = self.values_read(kernel) | self.values_read(host) | set(host.defs)
        return len(operands) + len(kernel.defs) <= MOST_OPERANDS

    def _is_all_maps(self, value: GraphValue) -> bool:
        node = self.producer[value]
        if not isinstance(self.records[node], Map):
            return False
        roots = [self.views.root(x) for x in node.inputs]
        return all(
            self._is_all_maps(root)
            for root in roots
            if root not in self.home and root in self.producer
        )


def takes_epilogue(node: Node, record: Record | None) -> bool:
    """Return whether a structured op knows when an element is complete, so that more may follow."""
    return isinstance(record, Contraction) and not adds_up(node, record)


def adds_up(node: Node, record: Contraction) -> bool:
    """Return whether a product is added to zeros, piece by piece.

    So it is where windows overlap, or leave out elements of the result.
    """
    for term, size in zip(record.out, node.outputs[0].shape, strict=True):
        long = [(axis, step) for axis, step in term.steps if record.sizes[axis] != 1]
        if size == 1 and not long:
            continue
        if len(long) != 1 or long[0][1] != 1 or record.sizes[long[0][0]] != size or term.start:
            return True
    return False


def is_choice(record: Deposit, node: Node) -> bool:
    """Return whether at most one update can reach each element, so that it is found by comparing.

    That is so where updates have one position along the axis for all others that lead elsewhere.
    """
    updates = node.inputs[1]
    if record.based or any(term.start for term in record.out):
        return False
    out = node.outputs[0]
    reached = [axis for axis in range(len(updates.shape)) if updates.shape[axis] != 1]
    places = [_only(term) for i, term in enumerate(record.out) if i != record.axis]
    whole = all(
        out.shape[i] == 1
        or (_only(term) is not None and updates.shape[_only(term)] == out.shape[i])  # type: ignore[index]
        for i, term in enumerate(record.out)
        if i != record.axis
    )
    return whole and all(axis in places for axis in reached) and size_of(updates.shape) > 0


def _only(term: Term) -> int | None:
    return term.steps[0][0] if len(term.steps) == 1 and term.steps[0][1] == 1 else None


def choice_places(node: Node, record: Deposit, places: Places) -> Places:
    """Return where the update that may reach an element of a choice stands among the updates."""
    found = [Place()] * len(node.inputs[1].shape)
    for i, term in enumerate(record.out):
        axis = _only(term)
        if i != record.axis and axis is not None:
            found[axis] = places[i]
    return tuple(found)


def operand_places(
    node: Node, record: Record, places: Places, kernel: Kernel
) -> Iterator[tuple[GraphValue, Places]]:
    """Yield the operands of a soft node, and where each is read for an element at `places`."""
    if isinstance(record, Map):
        for x in node.inputs:
            yield x, broadcast(places, x.shape)
    elif isinstance(record, (Fold, ArgFold)):
        yield node.inputs[0], fold_places(node, record, places, kernel)
    elif isinstance(record, Lookup):
        table, indices = node.inputs
        yield indices, substitute(record.indices, places)
        found = list(substitute(record.table, places))
        found[record.axis] = Place(variable="any")
        yield table, tuple(found)
    elif isinstance(record, Deposit):
        there = choice_places(node, record, places)
        yield node.inputs[0], substitute(record.indices, there)
        yield node.inputs[1], there


def fold_axes(record: Fold | ArgFold) -> tuple[int, ...]:
    return record.axes if isinstance(record, Fold) else (record.axis,)


def fold_places(node: Node, record: Fold | ArgFold, places: Places, kernel: Kernel) -> Places:
    """Return where the operand of a fold is read: along folded axes at those of the kernel."""
    x, axes = node.inputs[0], fold_axes(record)
    keeps = len(node.outputs[0].shape) == len(x.shape)
    kept = iter(places)
    folded = iter(kernel.folded)
    found = []
    for axis, size in enumerate(x.shape):
        if axis in axes:
            if keeps:
                next(kept)
            found.append(Place() if size == 1 else at(next(folded)))
        else:
            place = next(kept)
            found.append(Place() if size == 1 else place)
    return tuple(found)


def initial_loop(node: Node, record: Record) -> Kernel:
    """Return the loop that computes one soft node alone."""
    value = node.outputs[0]
    if not isinstance(record, (Fold, ArgFold)):
        return Kernel([n for n in value.shape if n != 1], {value: _whole(value)})
    x, axes = node.inputs[0], fold_axes(record)
    keeps = len(value.shape) == len(x.shape)
    order = [a for a in range(len(x.shape)) if a not in axes] + sorted(axes)
    order = [axis for axis in order if x.shape[axis] != 1]
    number = {axis: i for i, axis in enumerate(order)}
    kept = [a for a in range(len(x.shape)) if keeps or a not in axes]
    place = tuple(at(number.get(a) if a not in axes else None) for a in kept)
    folded = tuple(number[axis] for axis in sorted(axes) if axis in number)
    return Kernel([x.shape[axis] for axis in order], {value: place}, folded)


def _whole(value: GraphValue) -> Places:
    axes = iter(range(len(value.shape)))
    return tuple(Place() if size == 1 else at(next(axes)) for size in value.shape)


def _single(place: Place) -> int | None:
    """Return the axis that an index walks along by itself, if that is all it does."""
    if place.start or place.variable or len(place.steps) != 1 or place.steps[0][1] != 1:
        return None
    return place.steps[0][0]


def _renamed(place: Place, axes: dict[int, int]) -> Place:
    return replace(place, steps=tuple((axes[a], s) for a, s in place.steps))


Joined = tuple[list[int], tuple[int, ...], dict[int, int]]


def _joined(kernel: Kernel, host: Kernel, axes: dict[int, int]) -> Joined | None:
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


def _joined_in_product(kernel: Kernel, host: Kernel, axes: dict[int, int]) -> Joined | None:
    """Return the same for a loop over all elements of a product's result."""
    if host.node is None or kernel.folded or len(axes) != len(kernel.sizes):
        return None
    places = host.place[host.node.outputs[0]]
    moving = {_single(place) for place in places if place != Place()}
    long = {axis for axis in moving if axis is not None and host.sizes[axis] != 1}
    if None in moving or long != set(axes.values()):
        return None
    return host.sizes, host.folded, axes
