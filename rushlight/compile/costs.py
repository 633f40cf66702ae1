"""What a graph costs to run: its multiply-adds, and the memory that its C needs."""

from collections import Counter
from dataclasses import dataclass

from rushlight.compile.access import lowered
from rushlight.compile.emit.program import compile_graph
from rushlight.core.kernels import Attention, Branch, Contraction, Loop, While
from rushlight.graph.ir import Graph


@dataclass(frozen=True)
class Costs:
    """What it takes to run a graph once.

    Attributes:
        multiply_adds: of the products of matrices, convolutions and attention of each layer, by
            the path of the layer; "" for those outside of layers. A loop counts with all its
            turns, one that goes on while a condition holds with one, a choice with the dearer
            branch.
        arena: bytes for all values between inputs and results, as compiled C with one thread;
            None where there is no C for the graph.
        kernels: how many loops the C has; None where there is none.
    """

    multiply_adds: dict[str, int]
    arena: int | None
    kernels: int | None

    def of_layer(self, path: str) -> int:
        """Return the multiply-adds of a layer and the layers in it; "" is the whole model."""
        inside = f"{path}." if path else ""
        return sum(
            count
            for name, count in self.multiply_adds.items()
            if name == path or name.startswith(inside)
        )


def costs_of(graph: Graph) -> Costs:
    """Return what it takes to run a graph once.

    >>> import rushlight as rl
    >>> net = rl.nn.Sequential(rl.nn.Linear(8, 4), rl.nn.ReLU(), rl.nn.Linear(4, 2))
    >>> costs = costs_of(rl.trace(net, rl.zeros(1, 8)))
    >>> costs.multiply_adds, costs.of_layer("")
    ({'0': 32, '2': 8}, 40)
    """
    counts = _multiply_adds(graph)
    try:
        program = compile_graph(graph)
    except NotImplementedError:
        return Costs(dict(counts), None, None)
    return Costs(dict(counts), program.arena + program.scratch, program.kernels)


def _multiply_adds(graph: Graph) -> Counter[str]:
    counts: Counter[str] = Counter()
    for node in graph.nodes:
        record = lowered(node)
        if isinstance(record, (Contraction, Attention)):
            counts[node.module or ""] += record.multiply_adds
        elif isinstance(record, Loop):
            for path, count in _multiply_adds(record.body).items():
                counts[path] += count * record.length
        elif isinstance(record, While):
            counts += _multiply_adds(record.condition) + _multiply_adds(record.body)
        elif isinstance(record, Branch):
            first, second = map(_multiply_adds, record.bodies)
            counts += first if first.total() > second.total() else second
    return counts
