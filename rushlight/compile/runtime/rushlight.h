/* What generated C and its caller agree on: one call, its buffers, the pool that runs it. */
#ifndef RUSHLIGHT_H
#define RUSHLIGHT_H

#include <stddef.h>
#include <stdint.h>

#define RL_INLINE static inline __attribute__((unused, always_inline))

/* In a loop: its turns are not done several at a time. What a compiler does otherwise with the last
   of them may round differently, and which are the last depends on the number of threads. */
#define RL_ONE_BY_ONE __asm__ volatile("")

/* Returns x; the token is there for what it takes to be there. */
#define rl_after(x, token) ((void)(token), (x))

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

/* Note that a node met an index that is out of range. */
RL_INLINE void rl_fail(rl_call *call, int64_t node, int64_t index)
{
    __atomic_store_n(&call->found, index, __ATOMIC_RELAXED);
    __atomic_store_n(&call->failed, node + 1, __ATOMIC_RELAXED);
}

/* Returns an index into an axis of `size`, or where it is out of range 0, and notes that. */
RL_INLINE int64_t rl_index(rl_call *call, int64_t node, int64_t index, int64_t size)
{
    if ((uint64_t)index < (uint64_t)size)
        return index;
    rl_fail(call, node, index);
    return 0;
}

/* A compiled graph: 0, or what `failed` says. States are unchanged when it failed. */
typedef int64_t rl_run(rl_call *call);

#endif
