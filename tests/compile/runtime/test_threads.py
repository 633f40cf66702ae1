"""The pool of threads: all that are asked for run at once, whoever else calls it."""

import os

import pytest

SITUATIONS = ["growing", "sleeping", "concurrent", "nested"]


@pytest.mark.parametrize("situation", SITUATIONS)
def test_every_thread_of_a_call_runs_once(run, sanitizer, situation):
    said = run("pool.c", "threads.c", flags=sanitizer, arguments=[situation])
    assert said == "done\n"


@pytest.mark.parametrize("situation", ["forking", "forking while busy"])
def test_parent_and_child_both_have_a_pool_after_a_fork(run, situation):
    assert run("pool.c", "threads.c", arguments=[situation]) == "done\n"


def test_who_asks_for_more_threads_than_there_can_be_gets_fewer(run):
    assert run("pool.c", "threads.c", arguments=["too many"]) == "done\n"


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="no processor can be chosen here")
@pytest.mark.parametrize("situation", SITUATIONS)
def test_the_pool_works_on_one_processor(builder, run, situation):
    allowed = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(allowed)})
    try:
        assert run("pool.c", "threads.c", arguments=[situation]) == "done\n"
    finally:
        os.sched_setaffinity(0, allowed)


def test_the_runtime_that_python_loads_is_one_file(builder):
    source = '#include "threads.c"\n#include "drive.c"\n'
    library = builder.library(source, ["-fvisibility=hidden", "-pthread"])
    assert library.rl_pool_run and library.rl_drive_run


def test_the_program_that_measures_the_pool_says_three_times(run):
    said = run("time_pool.c", "threads.c", arguments=[2, 20])
    assert [line.split()[-1] for line in said.splitlines()] == ["us"] * 3
