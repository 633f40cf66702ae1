"""Compiled functions are called with one address, without the GIL, and from memory well aligned."""

import ctypes
import threading

import numpy as np
import pytest

from rushlight.compile.loader import Call, address, addresses, arena, function, load
from rushlight.core.errors import CompileError

EXPORT = '__attribute__((visibility("default")))'


def test_a_call_has_the_layout_of_the_header(compiled):
    names = [name for name, _ in Call._fields_]
    numbers = "".join(f"offsetof(rl_call, {name}), " for name in names)
    text = f"{EXPORT} const size_t layout[] = {{{numbers}sizeof(rl_call)}};\n"
    library = load(compiled(text))
    layout = (ctypes.c_size_t * (len(names) + 1)).in_dll(library, "layout")
    assert list(layout) == [*(getattr(Call, name).offset for name in names), ctypes.sizeof(Call)]


def test_a_function_sees_its_buffers_and_its_arena(compiled):
    text = f"""
    {EXPORT} int64_t add(rl_call *call);
    int64_t add(rl_call *call)
    {{
        const float *x = call->buffers[0];
        float *y = call->buffers[1], *scratch = (float *)call->arena;
        for (int i = 0; i < 5; i++)
            scratch[i] = x[i];
        for (int i = 0; i < 5; i++)
            y[i] = scratch[i] + (float)call->threads;
        call->failed = (intptr_t)call->arena % 64;
        return -1 - call->failed;
    }}
    """
    run = function(load(compiled(text)), "add")
    x, y, memory = np.arange(5, dtype=np.float32), np.zeros(5, np.float32), arena(20)
    buffers = addresses([x, y])
    call = Call(buffers.ctypes.data, memory.ctypes.data, 3)
    assert run(ctypes.addressof(call)) == -1
    assert call.failed == 0
    np.testing.assert_array_equal(y, x + 3)


def test_results_keep_all_64_bits(compiled):
    text = f"{EXPORT} int64_t big(rl_call *call);\nint64_t big(rl_call *call)\n"
    text += "{ return (call != 0) * -0x7123456789abcdef; }\n"
    assert function(load(compiled(text)), "big")(1 << 40) == -0x7123456789ABCDEF


def test_other_python_threads_run_during_a_call(compiled):
    text = f"""
    {EXPORT} int64_t wait(rl_call *call);
    int64_t wait(rl_call *call)
    {{
        while (!__atomic_load_n(&call->found, __ATOMIC_ACQUIRE))
            continue;
        return 7;
    }}
    """
    run, call, results = function(load(compiled(text)), "wait"), Call(), []
    thread = threading.Thread(target=lambda: results.append(run(ctypes.addressof(call))))
    thread.start()
    call.found = 1
    thread.join(timeout=60)
    assert results == [7]


def test_two_libraries_with_the_same_names_do_not_meet(compiled):
    text = EXPORT + " int64_t which(rl_call *call);\nint64_t which(rl_call *call)\n"
    paths = [compiled(text + f"{{ return call ? 0 : {number}; }}\n") for number in (1, 2)]
    assert [function(load(path), "which")(0) for path in paths] == [1, 2]


def test_a_function_named_as_one_of_libc_is_our_own(compiled):
    text = f"""
    {EXPORT} int64_t step(rl_call *call);
    int64_t step(rl_call *call) {{ return call ? 0 : 5; }}
    {EXPORT} int64_t through(rl_call *call);
    int64_t through(rl_call *call) {{ return step(call); }}
    """
    assert function(load(compiled(text)), "through")(0) == 5


def test_a_path_is_loaded_once(compiled):
    path = compiled(f"{EXPORT} int x;\n")
    assert load(path) is load(path)


def test_an_address_is_what_c_can_call(compiled):
    text = f"""
    {EXPORT} int64_t one(rl_call *call);
    int64_t one(rl_call *call) {{ return call ? 0 : 1; }}
    {EXPORT} int64_t ask(rl_call *call);
    int64_t ask(rl_call *call) {{ return ((rl_run *)call->arena)(0); }}
    """
    library = load(compiled(text))
    call = Call(arena=address(library, "one"))
    assert function(library, "ask")(ctypes.addressof(call)) == 1


def test_a_name_that_is_not_there_is_refused(compiled):
    library = load(compiled(f"{EXPORT} int x;\n"))
    with pytest.raises(CompileError, match="no function missing"):
        function(library, "missing")
    with pytest.raises(CompileError, match="no function missing"):
        address(library, "missing")


@pytest.mark.parametrize("content", [b"", b"not an object", b"\x7fELF"])
def test_what_is_no_object_is_refused(tmp_path, content):
    (tmp_path / "code.so").write_bytes(content)
    with pytest.raises(CompileError, match="compiled code cannot be loaded"):
        load(tmp_path / "code.so")


def test_an_object_that_needs_a_missing_function_is_refused_at_once(compiled):
    text = f"int rl_nowhere(void);\n{EXPORT} int f(void);\nint f(void) {{ return rl_nowhere(); }}\n"
    path = compiled(text)
    with pytest.raises(CompileError, match="rl_nowhere"):
        load(path)


@pytest.mark.parametrize("size", [0, 1, 63, 64, 1000])
def test_an_arena_is_aligned_and_as_large_as_asked(size):
    memory = arena(size)
    assert (memory.ctypes.data % 64, memory.nbytes) == (0, size)
    memory[:] = 1


def test_addresses_are_those_of_the_first_elements():
    x = np.zeros((4, 5))
    assert addresses([x, x[1:], x[:, 2:]]).tolist() == [
        x.ctypes.data,
        x.ctypes.data + 40,
        x.ctypes.data + 16,
    ]
    assert addresses([]).size == 0
