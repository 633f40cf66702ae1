/* What generated C and its caller agree on: one call, its buffers, the pool that runs it. */
#ifndef RUSHLIGHT_H
#define RUSHLIGHT_H

#include <stddef.h>
#include <stdint.h>

#define RL_INLINE static inline __attribute__((unused, always_inline))

/* Work for several threads: called once on each, with its number from 0 and how many there are. */
typedef void rl_task(void *context, int thread, int threads);

/* Whoever runs tasks: all of `threads` at once; returns when every one has returned. */
typedef void rl_parallel(int threads, rl_task *task, void *context);

/* One run of a compiled graph. */
typedef struct rl_call {
    void *const *buffers;  /* arguments, states, constants, results: in the program's order */
    char *arena;           /* memory for what lies between, 64-byte aligned */
    int32_t threads;       /* on how many threads to run, at least 1 */
    int32_t reserved;
    rl_parallel *parallel; /* runs tasks; not read where threads is 1 */
    int64_t failed;        /* 0, or 1 + the number of the node that met an index out of range */
    int64_t found;         /* that index */
} rl_call;

/* A compiled graph: 0, or what `failed` says. States are unchanged when it failed. */
typedef int64_t rl_run(rl_call *call);

#endif
