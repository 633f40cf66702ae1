"""Doing a little of what comes next in threads, while the present is being used."""

import contextvars
from collections import deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from typing import Any, TypeVar

MOST_THREADS = 8

Job = TypeVar("Job")
Part = TypeVar("Part")
Result = TypeVar("Result")


def ahead(
    jobs: Iterable[Job], read: Callable[[Job], Part], finish: Callable[[Part], Result], count: int
) -> Generator[tuple[Job, Result], None, None]:
    """Yield each job with `finish(read(job))`, in order, of which threads do `count` ahead.

    Several are read at once, but finished one after another in order, so that what `finish`
    remembers is as without threads. An error comes up where its result would have; no thread
    outlives the generator. With a count of 0 there are no threads.

    >>> list(ahead([1, 2], lambda x: x + 1, str, 2))
    [(1, '2'), (2, '3')]
    """
    if not count:
        for job in jobs:
            yield job, finish(read(job))
        return

    def work(job: Job, before: Future[Any] | None) -> Result:
        part = read(job)
        if before is not None:
            wait([before])
        return finish(part)

    waiting: deque[tuple[Job, Future[Result]]] = deque()
    pool = ThreadPoolExecutor(min(count, MOST_THREADS), "rushlight-ahead")
    try:
        for job in jobs:
            before = waiting[-1][1] if waiting else None
            context = contextvars.copy_context()  # which has what np.errstate says
            waiting.append((job, pool.submit(context.run, work, job, before)))
            if len(waiting) > count:
                yield _result(waiting)
        while waiting:
            yield _result(waiting)
    finally:
        pool.shutdown(cancel_futures=True)


def _result(waiting: deque[tuple[Job, Future[Result]]]) -> tuple[Job, Result]:
    job, future = waiting.popleft()
    return job, future.result()
