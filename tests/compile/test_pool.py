"""How many threads there are, and the compiled runtime that keeps them."""

import ctypes
import os
import subprocess
import sys
from pathlib import Path

import pytest

from rushlight.compile.pool import cpu_quota, pool, thread_count
from rushlight.core.errors import CompileError, UsageError

ROOT = Path(__file__).parents[2]
TASK = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_int, ctypes.c_int)
PARALLEL = ctypes.CFUNCTYPE(None, ctypes.c_int, TASK, ctypes.c_void_p)


@pytest.fixture
def parallel():
    try:
        return PARALLEL(pool().parallel)
    except CompileError:
        pytest.skip("there is no C compiler")


@pytest.mark.parametrize("threads", [1, 2, 3, 4])
def test_a_task_is_run_once_on_each_thread(parallel, threads):
    seen = []
    parallel(threads, TASK(lambda context, *place: seen.append((context, *place))), 77)
    assert sorted(seen) == [(77, thread, threads) for thread in range(threads)]


def test_there_is_one_runtime_in_a_process(parallel):
    assert pool() is pool()


def test_a_drive_of_no_steps_does_nothing(parallel):
    assert pool().drive(ctypes.addressof((ctypes.c_char * 256)())) == 0


def test_a_second_process_compiles_nothing(tmp_path, script, cc):
    compiler = script("cc", f'echo "$@" >> {tmp_path}/log; exec {cc} "$@"')
    places = {"RUSHLIGHT_CACHE_DIR": str(tmp_path / "cache"), "RUSHLIGHT_CC": str(compiler)}
    program = "from rushlight.compile.pool import pool; pool()"
    lines = []
    for _ in range(2):
        command = [sys.executable, "-c", program]
        subprocess.run(command, cwd=ROOT, check=True, env={**os.environ, **places})
        lines.append(len((tmp_path / "log").read_text().splitlines()))
    assert lines == [3, 3]


def test_the_chosen_number_of_threads_counts(monkeypatch):
    monkeypatch.setenv("RUSHLIGHT_THREADS", "3")
    assert thread_count() == 3
    monkeypatch.setenv("RUSHLIGHT_THREADS", "none")
    with pytest.raises(UsageError, match="RUSHLIGHT_THREADS is a number from 1 to 256"):
        thread_count()


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="affinity is of Linux")
def test_the_affinity_mask_limits_the_threads(monkeypatch):
    monkeypatch.delenv("RUSHLIGHT_THREADS", raising=False)
    before = os.sched_getaffinity(0)
    try:
        os.sched_setaffinity(0, {min(before)})
        assert thread_count() == 1
    finally:
        os.sched_setaffinity(0, before)
    assert 1 <= thread_count() <= len(before)


@pytest.fixture
def groups(tmp_path):
    """Return a function that lays out control groups; it returns what `cpu_quota` makes of them."""

    def lay_out(membership, files):
        (tmp_path / "cgroup").write_text(membership)
        for name, text in files.items():
            path = tmp_path / "mount" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        return cpu_quota(tmp_path / "cgroup", tmp_path / "mount")

    return lay_out


@pytest.mark.parametrize(
    ("limit", "cpus"),
    [
        ("max 100000", None),
        ("100000 100000", 1),
        ("150000 100000", 2),
        ("1000 100000", 1),
        ("400000 100000", 4),
        ("", None),
        ("0 100000", None),
        ("100000 0", None),
        ("100000", None),
        ("many few", None),
        ("-1 100000", None),
    ],
)
def test_the_quota_of_version_2_is_rounded_up(groups, limit, cpus):
    assert groups("0::/a\n", {"a/cpu.max": limit + "\n"}) == cpus


@pytest.mark.parametrize(("quota", "cpus"), [("-1", None), ("250000", 3), ("x", None)])
@pytest.mark.parametrize("folder", ["cpu", "cpu,cpuacct"])
def test_the_quota_of_version_1_is_rounded_up(groups, folder, quota, cpus):
    files = {f"{folder}/a/b/cpu.cfs_quota_us": quota, f"{folder}/a/b/cpu.cfs_period_us": "100000\n"}
    membership = "5:memory:/other\n4:cpu,cpuacct:/a/b\n1:name=systemd:/x\n"
    assert groups(membership, files) == cpus


def test_the_tightest_group_around_counts(groups):
    files = {"cpu.max": "max 1", "a/cpu.max": "200000 100000", "a/b/cpu.max": "300000 100000"}
    assert groups("0::/a/b\n", files) == 2


def test_in_a_container_the_group_lies_at_the_root_of_the_mount(groups):
    assert groups("0::/docker/12ab\n", {"cpu.max": "200000 100000"}) == 2
    assert groups("0::/../../x\n", {"cpu.max": "200000 100000"}) == 2


@pytest.mark.parametrize("membership", ["", "\n", "nonsense\n", "0:\n", "::\n"])
def test_without_a_group_there_is_no_quota(groups, membership):
    assert groups(membership, {}) is None


def test_without_control_groups_there_is_no_quota(tmp_path):
    assert cpu_quota(tmp_path / "nosuch", tmp_path) is None
