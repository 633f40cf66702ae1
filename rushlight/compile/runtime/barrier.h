/* A barrier for the threads of one task, which spin: the work between two of them is short. */
#ifndef RUSHLIGHT_BARRIER_H
#define RUSHLIGHT_BARRIER_H

#include "rushlight.h"

#if defined(__unix__) || defined(__APPLE__)
#include <sched.h>
#endif

enum { RL_SPINS = 100 }; /* some microseconds, after which others may need the core */

/* What a thread does between two looks at what it waits for, `tries` times so far. */
RL_INLINE void rl_relax(int tries)
{
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#elif defined(__aarch64__) || defined(__arm__)
    __asm__ volatile("yield" ::: "memory");
#endif
#if defined(__unix__) || defined(__APPLE__)
    if (tries >= RL_SPINS)
        sched_yield();
#else
    (void)tries;
#endif
}

/* All zeros to begin with. Each word has a cache line to itself: most threads only read `round`. */
typedef struct rl_barrier {
    int32_t arrived __attribute__((aligned(64)));
    int32_t round __attribute__((aligned(64)));
} rl_barrier;

/* Returns once all `threads` have called it; what each wrote before it, all then see. */
static __attribute__((unused)) void rl_barrier_wait(rl_barrier *barrier, int threads)
{
    if (threads == 1)
        return;
    int32_t round = __atomic_load_n(&barrier->round, __ATOMIC_RELAXED);
    if (__atomic_add_fetch(&barrier->arrived, 1, __ATOMIC_ACQ_REL) == threads) {
        __atomic_store_n(&barrier->arrived, 0, __ATOMIC_RELAXED);
        __atomic_store_n(&barrier->round, (int32_t)((uint32_t)round + 1), __ATOMIC_RELEASE);
        return;
    }
    for (int tries = 0; __atomic_load_n(&barrier->round, __ATOMIC_ACQUIRE) == round;)
        rl_relax(tries < RL_SPINS ? tries++ : tries);
}

#endif
