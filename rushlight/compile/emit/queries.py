"""Attention query by query: for float64, and where a head has few, as in generating text."""

from rushlight.compile.emit.heads import STRIP, HeadWriter
from rushlight.core.philox import least_kept


class QueryWriter(HeadWriter):
    """Plain loops over keys for each query."""

    def axes(self) -> list[tuple[str, int]]:
        if self.record.backward:
            return [*self.lead_axes, ("group", self.groups)]
        return [*self.lead_axes, ("head", self.heads), ("row", self.queries)]

    def forward(self) -> None:
        line = self.text.line
        group = "head" if self.share == 1 else f"head / {self.share}"
        line(f"const int64_t group = {group};")
        for name in ("q", "out", "lse"):
            self.part(name, "head", "row")
        for name in ("k", "v"):
            self.part(name, "group")
        self.parts_of_options()
        self.end_of_keys("1")
        if self.kind == "float" and self.step("k", -1) == self.step("v", -1) == 1:
            self._forward_by_vectors()
        else:
            self._forward_by_numbers()
        line("*lse_part = top + rl_log(total);")

    def _forward_by_vectors(self) -> None:
        """Write the means of float32 values, where rows of keys and values are read as they lie."""
        line, loop = self.text.line, self.text.loop
        width, value_width = (-(-n // STRIP) * STRIP for n in (self.size, self.value_size))
        self.space("scores", -(-self.keys // STRIP) * STRIP)
        self.space("query", width)
        self.space("mean", value_width)
        with loop("c", self.size):
            line(f"query[c] = {self.element('q', 'c')} * {self.factor};")
        with loop("c", width, self.size):
            line("query[c] = 0;")
        step = self.step("k", -2)
        line(f"rl_row_scores(scores, query, k_part, {step}, end, {self.size});")
        if {"mask", "slopes"} & set(self.record.options):
            with loop("key", "end"):
                self.adjust("scores[key]", "0", "key")
        line("float total;")
        line("const float top = rl_row_soften(scores, end, &total);")
        self._drop()
        step = self.step("v", -2)
        line(f"rl_row_mix(mean, scores, v_part, {step}, end, {self.value_size});")
        line("total = total == 0 ? 1 : total;")
        with loop("c", self.value_size):
            line(f"{self.element('out', 'c')} = mean[c] / total;")

    def _forward_by_numbers(self) -> None:
        line, loop, kind = self.text.line, self.text.loop, self.kind
        self.space("scores", self.keys)
        line(f"{kind} top = -INFINITY, total = 0;")
        with loop("key", "end"):
            self._score("key")
            line("scores[key] = score;")
            line("top = score > top ? score : top;")
        line("top = top == -INFINITY ? 0 : top;")
        with loop("key", "end"):
            line("scores[key] = rl_exp(scores[key] - top);")
            line("total += scores[key];")
        self._drop()
        line("total = total == 0 ? 1 : total;")
        with loop("c", self.value_size):
            line(f"{kind} mean = 0;")
            with loop("key", "end"):
                line(f"mean += scores[key] * {self.element('v', 'key', 'c')};")
            line(f"{self.element('out', 'c')} = mean / total;")

    def _drop(self) -> None:
        """Write what dropout does to weights."""
        if "state" in self.record.options:
            with self.text.loop("key", "end"):
                self._keep("key")
                self.text.line("scores[key] *= kept;")

    def backward(self) -> None:
        line, loop = self.text.line, self.text.loop
        for name in ("k", "v", "dk", "dv"):
            self.part(name, "group")
        for name, size in (("dk", self.size), ("dv", self.value_size)):
            with loop("key", self.keys), loop("c", size):
                line(f"{self.element(name, 'key', 'c')} = 0;")
        with loop("sharer", self.share), loop("row", self.queries):
            line(f"const int64_t head = group * {self.share} + sharer;")
            for name in ("g", "q", "lse", "drift", "dq"):
                self.part(name, "head", "row")
            self.parts_of_options()
            self.end_of_keys("1")
            with loop("c", self.size):
                line(f"{self.element('dq', 'c')} = 0;")
            with loop("key", "end"):
                self._backward_of_key()

    def _backward_of_key(self) -> None:
        line, loop, kind = self.text.line, self.text.loop, self.kind
        self._score("key")
        line(f"const {kind} weight = rl_exp(score - *lse_part);")
        line(f"{kind} product = 0;")
        with loop("c", self.value_size):
            line(f"product += {self.element('g', 'c')} * {self.element('v', 'key', 'c')};")
        used = "weight"
        if "state" in self.record.options:
            self._keep("key")
            line("product *= kept;")
            used = "weight * kept"
        change = f"weight * (product - *drift_part) * {self.factor}"
        line(f"const {kind} used = {used}, change = {change};")
        with loop("c", self.size):
            line(f"{self.element('dq', 'c')} += change * {self.element('k', 'key', 'c')};")
            line(f"{self.element('dk', 'key', 'c')} += change * {self.element('q', 'c')};")
        with loop("c", self.value_size):
            line(f"{self.element('dv', 'key', 'c')} += used * {self.element('g', 'c')};")

    def _score(self, key: str) -> None:
        line = self.text.line
        line(f"{self.kind} score = 0;")
        with self.text.loop("c", self.size):
            line(f"score += {self.element('q', 'c')} * {self.element('k', key, 'c')};")
        line(f"score *= {self.factor};")
        self.adjust("score", "0", key)

    def _keep(self, key: str) -> None:
        """Write the factor of a weight where some are dropped."""
        dropout = self.record.dropout
        line = self.text.line
        line("uint32_t words[4];")
        line(f"rl_philox_block(key_and_number, blocks + (uint64_t){key} / 4, words);")
        kept = f"words[{key} % 4] >= {least_kept(dropout)}u"
        line(f"const {self.kind} kept = {kept} ? {self.number(1.0 / (1.0 - dropout))} : 0;")
