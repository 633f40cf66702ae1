"""The way back through a loop: a body for each turn's gradients, and what it needs to be given."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from rushlight.autograd import gradients
from rushlight.core.kernels import Reinterpret, View
from rushlight.core.mode import enable_grad, evaluating
from rushlight.core.primitive import PRIMITIVES, Spec
from rushlight.graph.bodies import Body, behind, extracted, zeros_of
from rushlight.graph.ir import Graph, GraphValue, Node
from rushlight.graph.totals import Planner, Stacks, Total
from rushlight.graph.trace import Tracer

Row = tuple[str, int]  # where rows come from, "saved", "given" or "gradient", and which of those


@dataclass
class WayBack:
    """The body of a loop that gives the gradients of another loop.

    It carries the gradients of carries, then sums that run; it has rows, and gives by turn the
    gradients of rows, and what sums are made of outside.

    Attributes:
        forward: the first loop's body, with more results if more is saved.
        body: of the way back.
        rows: where each of its rows comes from.
        held: which of what the first body captured it captures.
        carried: the carries whose gradients it carries.
        running: the specs of the sums that run.
        by_turn: the inputs whose gradients it gives by turn, and the numbers of those results.
        totals: how the gradients of what the first body captured are made, by the input's number.
        made: what it gives by turn.
        origins: where else what sums are made of comes from.
        views: what is seen of those.
    """

    forward: Body
    body: Body
    rows: list[Row]
    held: list[int]
    carried: list[int]
    running: list[Spec]
    by_turn: dict[int, int]
    totals: dict[int, Total]
    made: list[GraphValue]
    origins: dict[GraphValue, Row]
    views: list[Node]

    def stacked(
        self,
        saved: Sequence[Any],
        given: Sequence[Any],
        gradient: Sequence[Any],
        made: Sequence[Any],
    ) -> Stacks:
        """Return what sums are made of, by turn."""
        sources = {"saved": saved, "given": given, "gradient": gradient}
        stacks = {value: sources[kind][number] for value, (kind, number) in self.origins.items()}
        stacks.update(zip(self.made, made, strict=True))
        for node in self.views:
            of = stacks[node.inputs[0]]
            stacks[node.outputs[0]] = node.primitive.batched((True,), of, **node.params)
        return stacks


def way_back(body: Body, carries: int, wanted: Sequence[int]) -> WayBack:
    """Return the way back through a loop: for what it carries, and for the wanted other inputs."""
    key = (carries, tuple(wanted))
    if key not in body.derived:
        body.derived[key] = _Joint(body, carries, wanted).split()
    found: WayBack = body.derived[key]
    return found


class _Joint:
    """A turn there and back in one graph, which is then split."""

    def __init__(self, body: Body, carries: int, wanted: Sequence[int]) -> None:
        self.body, self.carries, self.wanted = body, carries, wanted
        self.given = len(body.graph.arguments)
        tracer = Tracer(f"{body.graph.name}_back")
        self.graph: Graph = tracer.graph
        with evaluating(tracer), enable_grad():
            self._trace(tracer)
        self.maker = {value: node for node in self.graph.nodes for value in node.outputs}
        self.constants = {value for _, value in self.graph.constants}
        self.fixed = self._find_fixed()
        self.saved: dict[GraphValue, int] = {}
        self.rows: dict[GraphValue, Row] = {}
        self._seen: set[GraphValue] = set()

    def _trace(self, tracer: Tracer) -> None:
        stand_ins = [tracer.argument(value.spec) for value in self.body.inputs]
        for i, x in enumerate(stand_ins):
            x.requires_grad = x.dtype.is_float and (i < self.carries or i in self.wanted)
        results = self.body.on(stand_ins)
        self.there = set(self.graph.nodes)
        self.inputs = [tracer.value_of(x) for x in stand_ins]
        self.results = [tracer.value_of(y) for y in results]
        names = [held for held, _ in self.body.graph.states]
        self.held = list(zip(names, self.inputs[self.given :], strict=True))
        roots = {i: y for i, y in enumerate(results) if y.requires_grad}
        seeds = {i: tracer.argument(y.spec) for i, y in roots.items()}
        self.seeds = {i: tracer.value_of(seed) for i, seed in seeds.items()}
        asked = [i for i, x in enumerate(stand_ins) if x.requires_grad]
        found: list[Any] = [None] * len(asked)
        if roots and asked:
            xs = [stand_ins[i] for i in asked]
            found = gradients(list(roots.values()), xs, list(seeds.values()))
        pairs = zip(asked, found, strict=True)
        self.answers = {i: tracer.value_of(x) for i, x in pairs if x is not None}
        self.carried = [i for i in asked if i < self.carries]
        for i in self.carried:
            if i not in self.answers:
                self.answers[i] = tracer.value_of(zeros_of(stand_ins[i].spec))
            if i not in self.seeds:
                self.seeds[i] = tracer.value_of(tracer.argument(results[i].spec))

    def _find_fixed(self) -> set[GraphValue]:
        """Return the values that are the same in every turn."""
        fixed = self.constants | set(self.inputs[self.given :])
        for node in self.graph.nodes:
            if node.inputs and fixed.issuperset(node.inputs):
                fixed.update(node.outputs)
        return fixed

    def split(self) -> WayBack:
        """Return the way back, once it is known what must be saved for it."""
        by_turn = [i for i in self.wanted if self.carries <= i < self.given and i in self.answers]
        captured = [i for i in self.wanted if i >= self.given and i in self.answers]
        planner = Planner(self.maker, lambda value: value not in self.fixed, self._seen_in)
        totals = planner.plan([self.answers[i] for i in captured])
        views = self._views(planner.stacked)
        asked = [self.answers[i] for i in by_turn]
        made = dict.fromkeys(asked)
        made.update((x, None) for x in map(self._seen_in, planner.stacked) if not self._make_row(x))
        sums = [self._running_sum(value) for value in planner.running]
        carried = [self.answers[i] for i in self.carried]
        self._need([*carried, *planner.running, *made])
        outputs = [*carried, *(after for _, after in sums), *made]
        start = [self.seeds[i] for i in self.carried] + [before for before, _ in sums]
        read = behind(self.graph, outputs, [*start, *self.rows])
        rows = [value for value in self.rows if value in read]
        kept = [i for i, (_, value) in enumerate(self.held) if value in read]
        held = [self.held[i] for i in kept]
        return WayBack(
            forward=self._forward(),
            body=Body(extracted(self.graph, [*start, *rows], held, outputs)),
            rows=[self.rows[value] for value in rows],
            held=kept,
            carried=self.carried,
            running=[value.spec for value in planner.running],
            by_turn={i: list(made).index(self.answers[i]) for i in by_turn},
            totals=dict(zip(captured, totals, strict=True)),
            made=list(made),
            origins=dict(self.rows),
            views=views,
        )

    def _forward(self) -> Body:
        if not self.saved:
            return self.body
        outputs = [*self.results, *self.saved]
        graph = extracted(self.graph, self.inputs[: self.given], self.held, outputs)
        graph.name = self.body.graph.name
        return Body(graph, base=self.body)

    def _running_sum(self, value: GraphValue) -> tuple[GraphValue, GraphValue]:
        before = self.graph.new_value(value.spec)
        (after,) = self.graph.add(PRIMITIVES["add"], (before, value), {})
        self.maker[after] = self.graph.nodes[-1]
        return before, after

    def _views(self, values: Iterable[GraphValue]) -> list[Node]:
        """Return the views among values, and behind them, each after what it is a view of."""
        views: dict[Node, None] = {}
        for value in values:
            chain = []
            while self._is_view(value):
                chain.append(self.maker[value])
                value = chain[-1].inputs[0]
            views.update(dict.fromkeys(reversed(chain)))
        return list(views)

    def _seen_in(self, value: GraphValue) -> GraphValue:
        """Return what a value is a view of: itself, if it is none."""
        while self._is_view(value):
            value = self.maker[value].inputs[0]
        return value

    def _is_view(self, value: GraphValue) -> bool:
        node = self.maker.get(value)
        if node is None:
            return False
        record = node.primitive.lower(*[x.spec for x in node.inputs], **node.params)
        return isinstance(record, (View, Reinterpret))

    def _make_row(self, value: GraphValue) -> bool:
        """Make a value a row of the way back, unless only that gives it; return whether it is."""
        if value in self.rows:
            return True
        if value in self.inputs:
            number = self.inputs.index(value)
            if number < self.carries:
                self._save(value)
            elif number < self.given:
                self.rows[value] = ("given", number - self.carries)
            return number < self.given
        results = [i for i, seed in self.seeds.items() if seed is value]
        if results:
            if results[0] >= self.carries:
                self.rows[value] = ("gradient", results[0] - self.carries)
            return results[0] >= self.carries
        node = self.maker.get(value)
        if node in self.there and value not in self.fixed and not self._is_view(value):
            self._save(value)
            return True
        return False

    def _save(self, value: GraphValue) -> None:
        by_turn = self.results[self.carries :]
        if value in by_turn:
            self.rows[value] = ("saved", by_turn.index(value))
        else:
            number = self.saved.setdefault(value, len(self.saved))
            self.rows[value] = ("saved", len(by_turn) + number)

    def _need(self, values: Sequence[GraphValue]) -> None:
        """Make rows of what the way back needs of the way there, beside what it does again."""
        waiting = list(values)
        while waiting:
            value = waiting.pop()
            if value in self._seen:
                continue
            self._seen.add(value)
            if not self._make_row(value) and value in self.maker:
                waiting += self.maker[value].inputs
