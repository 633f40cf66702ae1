"""`rushlight show MODEL`: the graph of what a saved network computes, its stages and its C."""

from collections.abc import Iterator, Sequence

from rushlight.cli.arguments import Parser
from rushlight.compile.emit.program import compile_graph
from rushlight.compile.legalise import legalise
from rushlight.core.errors import CompileError, FormatError
from rushlight.core.mode import no_grad
from rushlight.graph.ir import Graph
from rushlight.graph.passes.optimise import optimise, stages
from rushlight.graph.trace import trace
from rushlight.predictor import Predictor, example_input


def run(argv: Sequence[str]) -> int:
    """Run the command; return its exit code."""
    parser = Parser(
        prog="rushlight show",
        description="Show the graph of what a saved network computes for one item, or its C.",
    )
    parser.add_argument("model", help="a file that rushlight train or rl.save wrote")
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--c", action="store_true", help="the C that the graph becomes")
    which.add_argument(
        "--passes", action="store_true", help="the graph after each pass that changes it"
    )
    args = parser.parse_args(argv)
    graph = _graph(Predictor(args.model))
    if args.c:
        print(_source(graph))
    elif args.passes:
        print("\n\n".join(f"# {name}\n{text}" for name, text in _stages(graph)))
    else:
        print(graph)
    return 0


def _graph(predictor: Predictor) -> Graph:
    """Return the graph of a network for one item: for texts, of four words."""
    example = example_input(predictor.model, predictor.task)
    if example is None:
        raise FormatError("its task does not say what the network takes", path=predictor.path)
    with no_grad():
        return trace(predictor.model, example)


def _stages(graph: Graph) -> Iterator[tuple[str, str]]:
    """Yield what each stage is called, and the graph then."""
    yield from stages(graph)
    yield "rewritten for C", str(legalise(optimise(graph)))


def _source(graph: Graph) -> str:
    try:
        return compile_graph(graph).source
    except NotImplementedError as error:
        raise CompileError(f"there is no C for {error} yet") from None
