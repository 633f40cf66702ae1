"""`rushlight doctor` says what is there, whether it works, and what would be faster."""

import json
import os
import shutil
import sys

import pytest

from rushlight.cli import doctor
from rushlight.compile import cache


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("RUSHLIGHT_CACHE_DIR", str(tmp_path / "cache"))
    for name in ("RUSHLIGHT_CC", "RUSHLIGHT_THREADS"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path


@pytest.fixture
def no_compiler(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(sys, "path", [path for path in sys.path if "site-packages" not in path])


@pytest.fixture
def told(capsys):
    """Return a function that runs the doctor and returns its facts and what it tells people."""

    def run():
        assert doctor.run(["--json"]) == 0
        facts = json.loads(capsys.readouterr().out)
        assert doctor.run([]) == 0
        return facts, capsys.readouterr().out

    return run


@pytest.mark.skipif(shutil.which("cc") is None, reason="there is no C compiler")
def test_the_compiler_is_described_and_tried(told):
    facts, text = told()
    compiler = facts["compiler"]
    assert compiler["kind"] in ("gcc", "clang")
    assert f"{compiler['kind']} {compiler['version']} for {compiler['target']}" in text
    assert f"{compiler['vector_bytes'] // 4} float32 at once" in text
    assert 0 < facts["trial_ms"] < 60_000
    assert f"compiled in {facts['trial_ms']} ms, and ran" == facts["trial"]


def test_without_a_compiler_it_says_how_to_get_one(told, no_compiler):
    facts, text = told()
    assert facts["compiler"] is None
    assert facts["trial_ms"] is None
    assert facts["trial"].startswith("not made: cc is not found")
    assert any("pip install rushlight[zig]" in advice for advice in facts["advice"])
    assert "compiler    none that works" in text
    assert "computes    with NumPy\n" in text


def test_a_compiler_that_no_longer_works_is_told_apart(told, monkeypatch, tmp_path):
    real = shutil.which("cc")
    if real is None:
        pytest.skip("there is no C compiler")
    switch = tmp_path / "broken"
    path = tmp_path / "cc"
    path.write_text(f'#!/bin/sh\n[ -e {switch} ] && exit 4\nexec {real} "$@"\n')
    path.chmod(0o755)
    monkeypatch.setenv("RUSHLIGHT_CC", str(path))
    assert told()[0]["trial_ms"] is not None
    switch.touch()
    facts, text = told()
    assert facts["compiler"]["command"] == str(path)
    assert facts["trial"] == "failed: the C compiler failed with exit code 4"
    assert "trial       failed: " in text


def test_it_says_where_compiled_code_is_and_how_large(told, folder):
    facts, _ = told()
    objects = folder / "cache" / "objects"
    assert facts["objects"] == str(objects)
    build = lambda source, output: output.write_bytes(bytes(3_000_000))  # noqa: E731
    cache.store(cache.digest("key"), "int x;", "", {}, build)
    facts, text = told()
    assert facts["objects_bytes"] >= 3_000_000
    assert f"compiled    3.0 MB in {objects}\n" in text


def test_a_cache_that_cannot_be_used_is_a_notice(told, folder):
    (folder / "cache" / "objects").mkdir(parents=True)
    (folder / "cache" / "objects").chmod(0o777)
    facts, text = told()
    assert len(facts["notices"]) == 1
    assert "can be written by other users" in facts["notices"][0]
    assert f"notice      {facts['notices'][0]}" in text


def test_threads_that_were_set_low_are_mentioned(told, monkeypatch):
    monkeypatch.setattr(os, "cpu_count", lambda: 4)
    monkeypatch.setenv("RUSHLIGHT_THREADS", "1")
    facts, text = told()
    assert facts["threads"] == 1
    assert "cores       4, of which 1 are used\n" in text
    assert any(advice.startswith("RUSHLIGHT_THREADS is 1") for advice in facts["advice"])


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="affinity is of Linux")
def test_cores_that_may_not_be_used_are_mentioned(told, monkeypatch):
    monkeypatch.setattr(os, "cpu_count", lambda: 4)
    before = os.sched_getaffinity(0)
    try:
        os.sched_setaffinity(0, {min(before)})
        facts, _ = told()
    finally:
        os.sched_setaffinity(0, before)
    assert any("may use 1 of 4 cores" in advice for advice in facts["advice"])
