"""Tiles: products whose sums stay in registers, a vector of columns each."""

from rushlight.compile.emit.depth import PARTIAL
from rushlight.compile.emit.kernel import Kernel, function, over_elements, over_rows, row_shape
from rushlight.compile.emit.nests import Form, count_of
from rushlight.compile.emit.pieces import indented, loop, place, shifted

LONG = 64  # products in a sum, during which memory is fetched
SHORT = 8  # so many turns of an innermost loop are written out


def constants(kernel: Kernel) -> list[str]:
    """Return the sizes of a tile as C constants."""
    name = kernel.name
    rows = zip(kernel.row_names, kernel.tiling.heights, strict=True)
    sizes = [
        *(f"{name}_{row}s = {height.text}," for row, height in rows),
        f"{name}_vectors = {kernel.tiling.vectors.text},",
        f"{name}_width = {name}_vectors * RL_LANES,",
    ]
    return ["enum {", *indented(sizes), "};", ""]


def tile(kernel: Kernel) -> list[str]:
    """Return the function that computes one tile, and stores it or hands it to the epilogue."""
    sizes = [f"const int64_t {name}s" for name in kernel.row_names]
    parameters = [each.declaration for each in kernel.inside] + sizes + ["const int64_t columns"]
    body = [
        "const int64_t vectors = (columns + RL_LANES - 1) / RL_LANES;",
        f"rl_vec sums{row_shape(kernel)}[{kernel.name}_vectors];",
        *_fetches(kernel),
        *_starts(kernel),
        *_products(kernel),
        *_stores(kernel),
    ]
    return function(f"RL_INLINE void {kernel.name}_tile", parameters, body)


def _fetches(kernel: Kernel) -> list[str]:
    """Return what has the memory fetch, while products are added, what the epilogue will read."""
    if kernel.epilogue is None or count_of(kernel.form.inner) < LONG:
        return []
    read = "".join(line.partition(" = ")[2] for line in kernel.epilogue.lines)
    lines = []
    for each in kernel.epilogue.operands:
        rows = kernel.row_moves(each.name)
        in_vectors = kernel.form.width.step(each.name) == 1 and any(step for _, step in rows)
        if in_vectors and f"{{{each.name}}}" in read:
            place = shifted(each.name, [*rows, ("vec", "RL_LANES")])
            lines.append(f"RL_FETCH({place});")
    return over_rows(kernel, _over_vectors(lines)) if lines else []


def _sums(kernel: Kernel) -> str:
    return "sums" + "".join(f"[{name}]" for name in kernel.row_names) + "[vec]"


def _over_vectors(body: list[str]) -> list[str]:
    return loop("vec", "vectors", body, unroll=True)


def _overlapping(kernel: Kernel) -> bool:
    """Return whether the last vector of a row may begin within the one before."""
    return kernel.ragged and not kernel.packed


def _at(kernel: Kernel) -> str:
    return "rl_at(vec, columns)" if _overlapping(kernel) else "vec * RL_LANES"


def _products(kernel: Kernel) -> list[str]:
    """Return the loops that add products to `sums`."""
    form = kernel.form
    source = shifted(kernel.source, kernel.inner_moves(kernel.source))
    rows, turn = kernel.row_moves(kernel.factors), kernel.inner_moves(kernel.factors)
    anew = []
    factor = f"{kernel.factors}[{place(rows + turn)}]"
    if _sliding(kernel):
        anew = [f"const float *from = {shifted(form.thin, turn)};", "RL_ANEW(from);"]
        factor = f"from[{place(rows)}]"
    each = [
        f"const float factor = {factor};",
        *_over_vectors([f"{_sums(kernel)} += factor * across[vec];"]),
    ]
    body = [
        f"rl_vec across[{kernel.name}_vectors];",
        *_over_vectors(
            [f"across[vec] = rl_load({source} + {_at(kernel)});", "RL_KEEP(across[vec]);"]
        ),
        *anew,
        *over_rows(kernel, each),
    ]
    for name, dim in reversed(list(zip(kernel.inner_names, form.inner, strict=True))):
        body = loop(name, dim.size, body, unroll=dim is form.inner[-1] and _is_written_out(form))
    return body


def _is_written_out(form: Form) -> bool:
    """Return whether the turns of the innermost loop are written out."""
    return len(form.inner) > 1 and form.inner[-1].size <= SHORT


def _sliding(kernel: Kernel) -> bool:
    """Return whether a turn of the innermost loop reads factors that the one before has read."""
    step = kernel.form.inner[-1].step(kernel.form.thin)
    overlaps = any(step == other != 0 for _, other in kernel.row_moves(kernel.form.thin))
    return overlaps and not _is_written_out(kernel.form)


def _starts(kernel: Kernel) -> list[str]:
    """Return what `sums` begin with."""
    zeros = over_rows(kernel, _over_vectors([f"{_sums(kernel)} = rl_splat(0);"]))
    if kernel.parts == 1:
        return zeros
    loads = over_rows(kernel, _over_vectors([f"{_sums(kernel)} = rl_load({_partial(kernel)});"]))
    return ["if (part == 0) {", *indented(zeros), "} else {", *indented(loads), "}"]


def _partial(kernel: Kernel) -> str:
    return shifted(PARTIAL, kernel.row_moves(PARTIAL)) + " + vec * RL_LANES"


def _stores(kernel: Kernel) -> list[str]:
    if kernel.parts > 1:
        store = f"rl_store({_partial(kernel)}, {_sums(kernel)});"
        lines = [*over_rows(kernel, _over_vectors([store])), "return;"]
        head = f"if (part < {kernel.parts - 1}) {{"
        return [head, *indented(lines), "}", *_results(kernel)]
    return _results(kernel)


def _results(kernel: Kernel) -> list[str]:
    if kernel.epilogue is not None or kernel.form.width.step("out") != 1:
        return _finish(kernel)
    target = shifted("out", [*kernel.row_moves("out"), ("vec", "RL_LANES")])
    sums = f"rl_load(to) + {_sums(kernel)}" if kernel.accumulate else _sums(kernel)
    store = [f"float *const to = {target};", f"rl_store(to, {sums});"]
    whole = over_rows(kernel, _over_vectors(store))
    if not kernel.ragged:
        return whole
    head = "if (columns % RL_LANES == 0) {"
    return [head, *indented([*whole, "return;"]), "}", *_finish(kernel)]


def _finish(kernel: Kernel) -> list[str]:
    """Return what is done one by one: the sums are put where each can be reached."""
    done = "done" + "".join(f"[{name}]" for name in kernel.row_names)
    guard = "RL_LANES + " if _overlapping(kernel) else ""
    spill = f"rl_store({done} + {guard}{_at(kernel)}, {_sums(kernel)});"
    room = f"[{guard}{kernel.name}_width]"
    return [
        f"float done{row_shape(kernel)}{room} __attribute__((aligned(64)));",
        *over_rows(kernel, _over_vectors([spill])),
        *over_rows(kernel, over_elements(kernel, f"{done}[{guard}column]"), unroll=False),
    ]
