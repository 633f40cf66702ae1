"""Exported C answers as the compiled function does, to the bit; with other flags, nearly."""

import ctypes
import json
import platform
import re
import shlex
import shutil
import subprocess

import numpy as np
import pytest

import rushlight as rl
from rushlight.core.mode import no_grad
from rushlight.export.subject import subject_of
from rushlight.export.write import export_model
from tests.export.conftest import MODELS, WARNINGS, Library, commands, own, program, run

RANDOM = np.random.default_rng(0)


def inputs_of(subject):
    """Return random arguments of the exported function."""
    if subject.words:
        count = int(RANDOM.integers(1, subject.words + 1))
        ids = np.zeros(subject.words, np.int64)
        ids[:count] = RANDOM.integers(0, len(subject.task["vocabulary"]), count)
        return [ids, count]
    return [RANDOM.standard_normal(one.shape).astype(one.dtype.storage) for one in subject.inputs]


def compiled_answer(subject, arguments):
    with no_grad():
        return rl.compile(subject.answer)(*map(rl.tensor, map(np.asarray, arguments))).numpy()


def answer(library, subject, arguments):
    output = np.full(subject.output.shape, np.nan, subject.output.dtype.storage)
    assert library.call("predict", *passed(arguments), output) == 0
    return output


def passed(arguments):
    return [x if isinstance(x, np.ndarray) else ctypes.c_int64(x) for x in arguments]


@pytest.mark.parametrize("name", MODELS)
def test_the_answers_have_the_bits_of_the_compiled_function(saved, exported, name):
    subject, library = subject_of(saved(name)), Library(exported(name), name)
    for _ in range(20):
        arguments = inputs_of(subject)
        expected = compiled_answer(subject, arguments)
        np.testing.assert_array_equal(answer(library, subject, arguments), expected)


@pytest.mark.parametrize("name", ["dense", "convolution", "motion", "regressor"])
def test_a_batch_has_them_too(saved, exported, name):
    subject = subject_of(saved(name), batch=5)
    library = Library(exported(name, batch=5), name)
    arguments = inputs_of(subject)
    expected = compiled_answer(subject, arguments)
    np.testing.assert_array_equal(answer(library, subject, arguments), expected)


@pytest.mark.parametrize("threads", [2, 3])
def test_threads_do_not_change_a_bit(saved, exported, threads):
    command, usual = own()
    options = [*usual, f"-DCONVOLUTION_THREADS={threads}", "-pthread"]
    library = Library(exported("convolution", batch=5), "convolution", command, options)
    subject = subject_of(saved("convolution"), batch=5)
    arguments = inputs_of(subject)
    expected = compiled_answer(subject, arguments)
    np.testing.assert_array_equal(answer(library, subject, arguments), expected)


@pytest.mark.parametrize("compiler", commands())
@pytest.mark.parametrize("options", [["-O1"], ["-O2", "baseline"]])
@pytest.mark.parametrize("name", ["convolution", "text"])
def test_other_compilers_and_flags_are_within_tolerance(saved, exported, compiler, options, name):
    if "baseline" in options:
        if platform.machine() != "x86_64":
            pytest.skip("for x86-64 alone")
        options = ["-O2", "-march=x86_64" if compiler == "zig" else "-march=x86-64"]
    subject = subject_of(saved(name))
    words = commands()[compiler]
    library = Library(exported(name), name, words, ["-std=gnu11", *options])
    arguments = inputs_of(subject)
    expected = compiled_answer(subject, arguments)
    np.testing.assert_allclose(answer(library, subject, arguments), expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("name", MODELS)
def test_the_makefile_builds_a_program_that_tests_itself(exported, name):
    said = run("make", "-s", "test", cwd=exported(name)).decode()
    assert said == "test: the same bits as when it was exported\n"


@pytest.mark.parametrize("compiler", commands())
@pytest.mark.parametrize("name", MODELS)
def test_every_file_compiles_without_a_warning(exported, compiler, name):
    made = program(exported(name), name, commands()[compiler], ["-std=gnu11", "-O1"])
    assert run(made, "--test", cwd=made.parent).startswith(b"test: ")


@pytest.mark.parametrize("name", ["dense", "text"])
def test_the_header_can_be_included_from_cpp(exported, name, tmp_path):
    cpp = shutil.which("g++") or shutil.which("clang++")
    if cpp is None:
        pytest.skip("there is no C++ compiler")
    folder = exported(name, train=True)
    (tmp_path / "use.cpp").write_text(f'#include "{name}.h"\nint main() {{ return 0; }}\n')
    run(cpp, *WARNINGS, f"-I{folder}", "-fsyntax-only", "use.cpp", cwd=tmp_path)


@pytest.mark.parametrize("name", MODELS)
def test_the_object_needs_nothing_but_memory_functions(exported, name):
    folder = exported(name, train=True)
    command, usual = own()
    run(*command, *usual, "-c", f"{name}.c", "-o", "object.o", cwd=folder)
    needed = run("nm", "-u", "object.o", cwd=folder).decode().split()
    allowed = {"U", "memcpy", "memset", "memmove", "_GLOBAL_OFFSET_TABLE_", "__stack_chk_fail"}
    assert set(needed) <= allowed


def test_sanitizers_find_nothing(exported, tmp_path):
    options = ["-std=gnu11", "-O1", "-g", "-fsanitize=address,undefined"]
    options.append("-fno-sanitize-recover=all")
    picture = tmp_path / "picture"
    picture.write_bytes(b"P2\n# a\n6 6 255\n" + b" 7" * 36)
    signal = tmp_path / "signal"
    signal.write_bytes(b'y,x,"z\r\n' + b"1, 2 ,-3e-1\r\n" * 10)
    for name, arguments in {
        "dense": [picture, picture],
        "motion": [signal, signal],
        "text": ["Win money", "\u0130\u0301x Don''t 'x", "2 2 2"],
        "regressor": ["1 2 3", "1,2,3"],
        "table": ["1 2 3", "1,2,3"],
    }.items():
        made = program(exported(name, train=True), name, own()[0], options, "sanitized")
        run(made, "--test", cwd=tmp_path)
        run(made, "--json", "--", *arguments, cwd=tmp_path)
        run(made, *arguments, cwd=tmp_path)
        bad = subprocess.run([made, "x" * 70000], input=b"", capture_output=True, timeout=60)
        assert bad.returncode in (0, 2), bad.stderr


def test_sanitizers_find_nothing_in_a_program_for_batches(exported, tmp_path):
    options = ["-std=gnu11", "-O1", "-fsanitize=address,undefined", "-fno-sanitize-recover=all"]
    (tmp_path / "raw").write_bytes(bytes(range(36)))
    for name, argument in (("dense", "raw"), ("regressor", "1 2 3")):
        made = program(exported(name, batch=5), name, own()[0], options, "sanitized")
        run(made, "--test", cwd=tmp_path)
        run(made, argument, cwd=tmp_path)


def test_without_a_compiler_there_is_still_c(saved, exported, tmp_path, monkeypatch):
    monkeypatch.setenv("RUSHLIGHT_CC", "/no/such/compiler")
    with pytest.warns(rl.CompileWarning):
        export_model(saved("regressor"), "c", tmp_path / "c")
    said = run("make", "-s", "test", cwd=tmp_path / "c").decode()
    assert said.startswith("test: ")
    with pytest.raises(rl.CompileError, match="no C compiler"):
        export_model(saved("regressor"), "exe", tmp_path / "exe")
    assert [path.name for path in tmp_path.iterdir()] == ["c"]


def test_a_compiler_that_fails_leaves_nothing_behind(saved, tmp_path, monkeypatch):
    script = tmp_path / "cc"
    script.write_text(
        f'#!/bin/sh\ncase "$*" in *libdense*) exit 1;; esac\nexec {shlex.join(own()[0])} "$@"\n'
    )
    script.chmod(0o755)
    monkeypatch.setenv("RUSHLIGHT_CC", str(script))
    with pytest.raises(rl.CompileError, match="failed with exit code 1"):
        export_model(saved("dense"), "lib", tmp_path / "lib")
    assert list(tmp_path.iterdir()) == [script]


def test_two_models_go_into_one_program(exported, tmp_path):
    command, usual = own()
    for name in ("dense", "regressor"):
        folder = exported(name, train=True)
        for file in (f"{name}.c", f"{name}.h"):
            shutil.copy(folder / file, tmp_path)
    (tmp_path / "both.c").write_text(
        '#include "dense.h"\n#include "regressor.h"\n'
        "int main(void)\n{\n    float pixels[36] = {0}, shares[3], numbers[3] = {0}, values[2];\n"
        "    return dense_predict(pixels, shares) + regressor_predict(numbers, values);\n}\n"
    )
    for threads in (1, 2):
        defines = [f"-DDENSE_THREADS={threads}", f"-DREGRESSOR_THREADS={threads}", "-pthread"]
        files = ["dense.c", "regressor.c", "both.c"]
        run(*command, *usual, *WARNINGS, *defines, *files, "-o", "both", "-lm", cwd=tmp_path)
        run("./both", cwd=tmp_path)


def test_the_caller_may_give_the_memory_and_call_from_many_threads(saved, exported):
    subject, library = subject_of(saved("dense")), Library(exported("dense"), "dense")
    header = (exported("dense") / "dense.h").read_text()
    size = int(re.search(r"#define DENSE_ARENA \((\d+)\)", header)[1])
    arena = np.full(size, 0xA5, np.uint8)
    arguments, output = inputs_of(subject), np.empty(3, np.float32)
    assert library.call("predict_in", arena, *arguments, output) == 0
    np.testing.assert_array_equal(output, compiled_answer(subject, arguments)[0])


def test_an_id_or_a_count_out_of_range_is_refused(saved, exported):
    subject, library = subject_of(saved("text")), Library(exported("text"), "text")
    ids, output = np.zeros(subject.words, np.int64), np.empty(2, np.float32)
    for count in (0, -1, subject.words + 1, 2**62):
        assert library.call("predict", ids, ctypes.c_int64(count), output) == 1
    for wrong in (-1, 8, 2**40):
        ids[0] = wrong
        assert library.call("predict", ids, ctypes.c_int64(1), output) == 1


def test_the_library_describes_itself(exported):
    library = Library(exported("text"), "text")
    library.loaded.text_describe.restype = ctypes.c_char_p
    facts = json.loads(library.loaded.text_describe())
    assert facts["labels"] == ["HAM", "SPAM"]
    assert facts["inputs"][0] == {"name": "ids", "shape": [256], "dtype": "int64"}


def test_many_weights_go_into_a_file_beside_the_c(saved, exported):
    folder = exported("dense", limit=100)
    made = program(folder, "dense", *own())
    assert b"the same bits" in run(made, "--test", cwd=folder)
    embedded = program(folder, "dense", own()[0], [*own()[1], "-DDENSE_EMBED"], "embedded")
    weights = folder / "dense.weights"
    content = weights.read_bytes()
    weights.unlink()
    assert b"the same bits" in run(embedded, "--test", cwd=folder)
    for broken in (None, b"", content[:-1], content + b"x", b"x" + content[1:]):
        if broken is not None:
            weights.write_bytes(broken)
        done = subprocess.run([made, "--test"], cwd=folder, capture_output=True, timeout=60)
        assert done.returncode == 2
        assert done.stderr.count(b"\n") == 1
    weights.write_bytes(content)


def test_without_its_weights_the_network_says_so(exported):
    library = Library(exported("dense", limit=100), "dense")
    pixels, shares = np.zeros(36, np.float32), np.empty(3, np.float32)
    assert library.call("predict", pixels, shares) == 2
