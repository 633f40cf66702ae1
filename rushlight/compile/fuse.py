"""Fusion: which values share a kernel.

Pointwise ops, lookups and folds become loops. A value that is used once, or is cheap, is worked out
where it is used; the others are `defs` of a kernel. Starting from one kernel a def, each is merged
into the last kernel that it depends on, where their loops agree: a softmax and its gradient become
one loop over rows, an optimiser's update the epilogue of the product that is its gradient.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from rushlight.compile.access import (
    Place,
    Places,
    Ref,
    Views,
    at,
    identity,
    lowered,
    substitute,
)
from rushlight.compile.join import initial_loop, joined, joined_in_product, renamed, single, whole
from rushlight.compile.soft import (
    Kernel,
    choice_places,
    fold_axes,
    is_choice,
    operand_places,
    takes_epilogue,
)
from rushlight.core.kernels import (
    NESTED,
    ArgFold,
    Contraction,
    Deposit,
    Fold,
    Lookup,
    Map,
    RandomBits,
    Record,
)
from rushlight.core.shapes import Shape, size_of
from rushlight.graph.ir import Graph, GraphValue, Node

CHEAP = 4  # how much work may be done twice rather than kept in memory
MOST_ON_STACK = 2048  # elements of a row that is kept between two loops over it
MOST_OPERANDS = 16  # of an epilogue
LONG = 256  # ops one in another that are done again for one number, such as the norm of all weights
DEEPEST = 50  # ops that are worked out one in another, before one gets a kernel


@dataclass(frozen=True)
class IndexCheck:
    """That indices are looked at: of which node, which indices of how many, and if it is all."""

    value: GraphValue
    key: tuple[Ref, Shape, int]
    complete: bool


def fuse(graph: Graph) -> "Fuser":
    """Return the kernels of a graph, in which all indices are looked at.

    A lookup of which only a part is used would be worked out for that part; so those become defs.
    """
    forced: frozenset[GraphValue] = frozenset()
    while True:
        fuser = Fuser(graph, forced)
        checks = [check for kernel in fuser.kernels for check in fuser.index_checks(kernel)]
        complete = {check.value for check in checks if check.complete}
        partial = {check.value for check in checks} - complete - forced
        if not partial:
            return fuser
        forced |= partial


class Fuser:
    """What is known of a graph while its kernels are made; `kernels` are in order of execution.

    Args:
        graph: a graph in the form that `legalise` gives.
        forced: values that are defs of some kernel even if they need not be.

    Raises:
        NotImplementedError: a primitive has no kernel record.
    """

    def __init__(self, graph: Graph, forced: frozenset[GraphValue] = frozenset()) -> None:
        self.graph = graph
        self._forced = forced
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
        self._materialised = self._read_by_structured()
        self.home: dict[GraphValue, Kernel] = {}  # def -> its kernel
        self.cost: dict[GraphValue, int] = {}
        self.depth: dict[GraphValue, int] = {}  # how many ops one in another
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

    def _read_by_structured(self) -> set[GraphValue]:
        """Return what must lie in memory, because what reads it goes through memory."""
        nodes = [n for n in self.graph.nodes if not self.is_view(n) and not self.is_soft(n)]
        return {self.views.root(x) for node in nodes for x in node.inputs}

    def _enter(self, node: Node) -> None:
        if self.is_view(node):
            return
        value = node.outputs[0]
        if not self.is_soft(node):
            self._enter_structured(node)
            return
        self.cost[value] = self._cost(node)
        self.depth[value] = self._depth(node)
        if not self._needs_kernel(node):
            return
        kernel = initial_loop(node, self.records[node])
        host = self._last_dependency(kernel)
        if host is not None and self._merge(kernel, host):
            return
        if not self._merge_beside(kernel):
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
            place = {v: substitute(identity(v.shape), whole(v)) for v in node.outputs}
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
        record = self.records[node]
        cost = record.cost if isinstance(record, Map) else 1
        for x in node.inputs:
            root = self.views.root(x)
            if root not in self.home and size_of(root.shape) > 1:
                cost += self.cost.get(root, 0)
        return cost

    def _depth(self, node: Node) -> int:
        roots = {self.views.root(x) for x in node.inputs}
        return 1 + max((self.depth.get(v, 0) for v in roots if v not in self.home), default=0)

    def _needs_kernel(self, node: Node) -> bool:
        value = node.outputs[0]
        if value in self.results or value in self._forced:
            return True
        if isinstance(self.records[node], (Fold, ArgFold)):
            return True
        if value in self._materialised or self.depth[value] > DEEPEST:
            return True
        repeats = self.uses.get(value, 0) - 1
        size = size_of(value.shape)
        if size == 1:  # it is worked out once a kernel, not for each element
            return self.depth[value] * repeats > LONG
        return size > 1 and (self.cost[value] * repeats > CHEAP or self._joins_products(node))

    def _joins_products(self, node: Node) -> bool:
        """Return whether a value takes the place in memory of several that nothing else reads.

        Gradients that parts of a batch add up would otherwise all be kept for their sum.
        """
        shape = node.outputs[0].shape
        roots = {self.views.root(x) for x in node.inputs}
        alone = [v for v in roots - self.results if v in self.home and self.uses[v] == 1]
        homes = [self.home[v] for v in alone if v.shape == shape]
        return len({id(home) for home in homes if isinstance(home.record, Contraction)}) > 1

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

    def evaluated(self, kernel: Kernel, *values: GraphValue) -> Iterator[tuple[Node, Places]]:
        """Yield the soft nodes that a kernel works out, each with where its result stands.

        With `values` only what those of its defs need beside other defs.
        """
        structured = kernel.node.outputs if kernel.node is not None else ()
        wanted = [v for v in values or kernel.defs if v not in structured]
        waiting = [(v, kernel.place[v]) for v in reversed(wanted)]
        seen: set[tuple[GraphValue, Places]] = set()
        while waiting:
            value, places = waiting.pop()
            if (value, places) in seen:
                continue
            seen.add((value, places))
            node = self.producer[value]
            yield node, places
            for root, there in self._operands(node, places, kernel):
                if not self._is_known(root, kernel):
                    waiting.append((root, there))

    def reads(self, kernel: Kernel, *values: GraphValue) -> Iterator[tuple[GraphValue, Places]]:
        """Yield the values that are read, with where: defs of kernels, inputs of the graph.

        With `values` only what those of its defs read.
        """
        if kernel.node is not None and not values:
            for x in kernel.node.inputs:
                yield self.views.root(x), (Place(variable="any"),) * len(x.shape)
        for node, places in self.evaluated(kernel, *values):
            for root, there in self._operands(node, places, kernel):
                if self._is_known(root, kernel):
                    yield root, there

    def values_read(self, kernel: Kernel) -> set[GraphValue]:
        return {value for value, _ in self.reads(kernel)}

    def local_operands(self, value: GraphValue, kernel: Kernel) -> set[GraphValue]:
        """Return the defs of the same kernel from which one is computed, directly."""
        return {other for other, _ in self.reads(kernel, value) if other in kernel.place}

    def _operands(
        self, node: Node, places: Places, kernel: Kernel
    ) -> Iterator[tuple[GraphValue, Places]]:
        for x, there in operand_places(node, self.records[node], places, kernel):
            yield self.views.places(x, there)

    def _is_known(self, root: GraphValue, kernel: Kernel) -> bool:
        """Return whether a value is there to be read: of an input, or a def of some kernel."""
        return root in self.home or root in kernel.place or root not in self.producer

    def index_checks(self, kernel: Kernel) -> Iterator[IndexCheck]:
        """Yield what a kernel finds out about indices."""
        if kernel.node is not None:
            record = self.records[kernel.node]
            if isinstance(record, Deposit):
                indices = kernel.node.inputs[1 if record.based else 0]
                yield self._check(kernel.node, record, indices, True)
            if isinstance(record, NESTED):
                value = kernel.node.outputs[0]
                yield IndexCheck(value, (self.views.ref(value), (), -1), False)
        sizes = kernel.sizes
        for node, places in self.evaluated(kernel):
            record = self.records[node]
            if isinstance(record, Lookup):
                indices, there = node.inputs[1], substitute(record.indices, places)
            elif isinstance(record, Deposit):
                there = choice_places(node, record, places)
                indices, there = node.inputs[0], substitute(record.indices, there)
            else:
                continue
            axes = [single(place) for place, n in zip(there, indices.shape, strict=True) if n != 1]
            full = [n for n in indices.shape if n != 1]
            apart = None not in axes and len(set(axes)) == len(axes)
            complete = apart and 0 not in sizes and [sizes[axis] for axis in axes] == full  # type: ignore[index]
            yield self._check(node, record, indices, complete)

    def _check(
        self, node: Node, record: Lookup | Deposit, indices: GraphValue, complete: bool
    ) -> IndexCheck:
        of = node.inputs[0] if isinstance(record, Lookup) else node.outputs[0]
        key = (self.views.ref(indices), indices.shape, of.shape[record.axis])
        return IndexCheck(node.outputs[0], key, complete)

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
        merged = joined_in_product(kernel, host, axes) if host.node else joined(kernel, host, axes)
        if merged is None:
            return False
        if host.node is not None and not self._fits_epilogue(kernel, host):
            return False
        host.sizes, host.folded, axes = merged
        for value, places in kernel.place.items():
            host.place[value] = tuple(renamed(place, axes) for place in places)
            self.home[value] = host
        return True

    def _merge_beside(self, kernel: Kernel) -> bool:
        """Make a new loop part of the last kernel, if that goes the same way over the same values.

        So the gates of a recurrent cell, which are parts of one product, become one loop.
        """
        if not self.kernels or not kernel.sizes or kernel.folded:
            return False
        last = self.kernels[-1]
        if not last.is_loop or last.folded or last.sizes != kernel.sizes:
            return False
        if self.values_read(kernel).isdisjoint(self.values_read(last)):
            return False
        for value, places in kernel.place.items():
            last.place[value] = places
            self.home[value] = last
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
                mine, theirs = single(place), single(there)
                if mine is None or theirs is None or axes.setdefault(mine, theirs) != theirs:
                    return None
                if kernel.sizes[mine] != host.sizes[theirs]:
                    return None
        return axes if len(set(axes.values())) == len(axes) else None

    def _fits_epilogue(self, kernel: Kernel, host: Kernel) -> bool:
        if any(not isinstance(self.records[node], Map) for node, _ in self.evaluated(kernel)):
            return False
        read = self.values_read(kernel) | self.values_read(host)
        numbers = {value for array, value in self.graph.constants if array.size == 1}
        operands = read - numbers | set(host.defs)
        return len(operands) + len(kernel.defs) <= MOST_OPERANDS
