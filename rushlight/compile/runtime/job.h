/* What the threads of one run share, and which part of a kernel each of them does. */
#ifndef RUSHLIGHT_JOB_H
#define RUSHLIGHT_JOB_H

#include "barrier.h"
#include "rushlight.h"

/* Generated code may compare an element with itself. */
#pragma GCC diagnostic ignored "-Wtautological-compare"

typedef struct rl_job {
    rl_call *call;
    rl_barrier barrier;
} rl_job;

/* The first of `units` that a thread does: each does a range of its own, the first the longest. */
RL_INLINE int64_t rl_share(int64_t units, int64_t thread, int64_t threads)
{
    return (units * thread + threads - 1) / threads;
}

/* How many turns a loop has that is asked for so many, of at most `most`. */
RL_INLINE int64_t rl_turns(int64_t asked, int64_t most)
{
    return asked < 0 ? 0 : asked < most ? asked : most;
}

/* Run the steps of a program on as many threads as the call says. */
RL_INLINE int64_t rl_run_steps(rl_call *call, rl_task *steps, int threads)
{
    rl_job job = {.call = call};
    call->failed = 0;
    if (threads > 1)
        call->parallel(threads, steps, &job);
    else
        steps(&job, 0, 1);
    return call->failed;
}

#endif
