"""The passes in their order, and all of them run until none finds anything more."""

from collections.abc import Callable, Collection, Iterator

from rushlight.core.errors import UsageError, did_you_mean
from rushlight.graph.ir import Graph
from rushlight.graph.passes.cse import share_common
from rushlight.graph.passes.dead import without_dead_nodes
from rushlight.graph.passes.decompose import decompose
from rushlight.graph.passes.fold import fold_constants
from rushlight.graph.passes.joins import join_places
from rushlight.graph.passes.loops import share_loops
from rushlight.graph.passes.rewrite import copied
from rushlight.graph.passes.simplify import simplify
from rushlight.graph.passes.sparse import add_rows_in_place

Pass = Callable[[Graph], Graph]  # changes the graph that it is given, and returns it

PASSES: dict[str, Pass] = {
    "dead": without_dead_nodes,
    "loops": share_loops,
    "decompose": decompose,
    "fold": fold_constants,
    "simplify": simplify,
    "cse": share_common,
    "joins": join_places,
    "sparse": add_rows_in_place,
}
ROUNDS = 8  # at most; two are usual


def optimise(graph: Graph, without: Collection[str] = ()) -> Graph:
    """Return a graph of the same meaning that costs less; the given one stays as it is.

    All is equal bit for bit but for "joins", which is so up to the sign of zeros, and "sparse",
    which is so up to rounding.

    Args:
        graph: any graph.
        without: names of passes to leave out.

    Raises:
        UsageError: there is no pass of such a name.

    >>> import rushlight as rl
    >>> graph = rl.trace(lambda x: (x * 1.0).exp() / x.exp(), rl.ones(2))
    >>> [node.primitive for node in optimise(graph).nodes]
    [exp, div]
    """
    graph = copied(graph)
    for _ in _steps(graph, without):
        pass
    return graph


def stages(graph: Graph, without: Collection[str] = ()) -> Iterator[tuple[str, str]]:
    """Yield names and the graph as text: "traced" first, then each pass that changes it.

    >>> import rushlight as rl
    >>> graph = rl.trace(lambda x: (x * 1.0).exp() / x.exp(), rl.ones(2))
    >>> [name for name, text in stages(graph)]
    ['traced', 'simplify', 'cse']
    """
    yield "traced", str(graph)
    graph = copied(graph)
    for name in _steps(graph, without):
        yield name, str(graph)


def _steps(graph: Graph, without: Collection[str]) -> Iterator[str]:
    """Run the passes on a graph until it stays as it is; yield the name of each that changed it."""
    for name in without:
        if name not in PASSES:
            raise UsageError(f"there is no pass {name!r}", hint=did_you_mean(name, PASSES))
    form = _form(graph)
    for _ in range(ROUNDS):
        before = form
        for name, change in PASSES.items():
            if name in without:
                continue
            after = _form(change(graph))
            if after != form:
                form = after
                yield name
        if form == before:
            return


def _form(graph: Graph) -> list[object]:
    """Return what is equal for two graphs of the same nodes."""
    results = [value.index for value in graph.results()]
    nodes = [
        (node.primitive, [value.index for value in (*node.inputs, *node.outputs)], node.params)
        for node in graph.nodes
    ]
    return [len(graph.values), len(graph.constants), results, nodes]
