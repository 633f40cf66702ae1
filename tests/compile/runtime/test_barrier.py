"""The barrier: nobody is ahead of it, and everybody sees what was written before it."""

import pytest


@pytest.mark.parametrize("threads", [1, 2, 3, 4, 8])
def test_all_threads_see_what_each_wrote_before_the_barrier(run, sanitizer, threads):
    rounds = 2000 if not sanitizer and threads <= 2 else 200
    run("exchange.c", "threads.c", flags=sanitizer, arguments=[threads, rounds])
