"""What sums, extremes and positions of extremes look like inside of loops."""

from dataclasses import dataclass

from rushlight.compile.emit.body import COLUMN, Body, axis_name
from rushlight.core.kernels import ArgFold, Fold
from rushlight.graph.ir import GraphValue

LANES = 16  # sums of long rows are kept in so many parts, whatever the width of the vectors


@dataclass
class Accumulator:
    """One fold while its loop is written: a C variable, or one for each lane."""

    value: GraphValue
    record: Fold | ArgFold
    operand: GraphValue
    first: str  # the C of the first element, where the fold starts from it
    name: str

    def start(self) -> str:
        """Return what the fold starts from."""
        return self.record.start.format(first=self.first) if isinstance(self.record, Fold) else "0"

    def declaration(self, lanes: bool) -> list[str]:
        """Return the lines that declare and start it."""
        kind = self.value.dtype.c
        if isinstance(self.record, ArgFold):
            best = f"{self.operand.dtype.c} {self.name}_best = {self.first};"
            return [best, f"int64_t {self.name} = 0;"]
        if not lanes:
            return [f"{kind} {self.name} = {self.start()};"]
        each = f"for (int64_t lane = 0; lane < {LANES}; lane++)"
        return [
            f"{kind} {self.name}_lanes[{LANES}];",
            each,
            f"    {self.name}_lanes[lane] = {self.start()};",
        ]

    def add(self, body: Body, x: str, column: int, lanes: str = "") -> None:
        """Write the statement that takes one more element in; `lanes` is "_lanes[lane]" or such."""
        if isinstance(self.record, ArgFold):
            best = f"{self.name}_best"
            better = self.record.better.format(x=x, a=best)
            index = axis_name(column)
            body.statement(COLUMN, f"if ({better}) {{")
            body.statement(COLUMN, f"    {best} = {x};")
            body.statement(COLUMN, f"    {self.name} = {index};")
            body.statement(COLUMN, "}")
            return
        a = self.name + lanes
        body.statement(COLUMN, f"{a} = {self.record.combine.format(a=a, x=x)};")

    def together(self, lanes: bool) -> list[str]:
        """Return the lines that make one of the lanes, always in the same order."""
        if not lanes or isinstance(self.record, ArgFold):
            return []
        array = f"{self.name}_lanes"
        a, x = f"{array}[lane]", f"{array}[lane + half]"
        return [
            f"for (int64_t half = {LANES // 2}; half > 0; half /= 2)",
            "    for (int64_t lane = 0; lane < half; lane++)",
            f"        {a} = {self.record.combine.format(a=a, x=x)};",
            f"const {self.value.dtype.c} {self.name} = {array}[0];",
        ]

    def finished(self, lane: str = "") -> str:
        """Return the C of the result."""
        if isinstance(self.record, ArgFold):
            return self.name
        return self.record.finish.format(a=self.name + lane)
