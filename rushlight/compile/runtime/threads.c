/* The pool that runs tasks of compiled graphs. It grows to the most threads that a call asked for.
 *
 * A worker that is done looks for its next task for a while and then sleeps. One call uses the pool
 * at a time; others wait for their turn. A task that itself calls the pool gets one thread, as does
 * everyone where no thread can be started: a task must not depend on how many it gets.
 */
#include <pthread.h>
#include <signal.h>
#include <time.h>

#include "barrier.h"
#include "rushlight.h"

#if !defined(__unix__) && !defined(__APPLE__)
#error "threads.c is written for POSIX threads"
#endif

enum { RL_MOST_THREADS = 256, RL_AWAKE_NANOSECONDS = 50000, RL_LOOKS_PER_CLOCK = 32 };

enum { RL_IDLE, RL_READY, RL_ASLEEP };

typedef struct rl_worker {
    int32_t state __attribute__((aligned(64)));
    int32_t threads;
    int32_t thread;
    rl_task *task;
    void *context;
    pthread_mutex_t mutex __attribute__((aligned(64))); /* for going to sleep */
    pthread_cond_t wake;
} rl_worker;

static rl_worker rl_workers[RL_MOST_THREADS]; /* the first stands for the caller and is not used */
static int rl_running = 1;                    /* how many threads there are, with the caller */
static int rl_watching_forks;
static pthread_mutex_t rl_turn = PTHREAD_MUTEX_INITIALIZER; /* held while a call uses the pool */
static _Thread_local int rl_inside;                         /* whether this thread runs a task */

static int64_t rl_nanoseconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

static int rl_state_of(rl_worker *self)
{
    return __atomic_load_n(&self->state, __ATOMIC_ACQUIRE);
}

static void rl_sleep_until_ready(rl_worker *self)
{
    int expected = RL_IDLE;
    pthread_mutex_lock(&self->mutex);
    if (__atomic_compare_exchange_n(&self->state, &expected, RL_ASLEEP, 0, __ATOMIC_ACQ_REL,
                                    __ATOMIC_ACQUIRE))
        while (rl_state_of(self) == RL_ASLEEP)
            pthread_cond_wait(&self->wake, &self->mutex);
    pthread_mutex_unlock(&self->mutex);
}

static void rl_wait_until_ready(rl_worker *self)
{
    int64_t end = rl_nanoseconds() + RL_AWAKE_NANOSECONDS;
    for (int tries = 0; rl_state_of(self) != RL_READY; tries++) {
        rl_relax(tries);
        if (tries % RL_LOOKS_PER_CLOCK == 0 && rl_nanoseconds() > end)
            rl_sleep_until_ready(self);
    }
}

static void *rl_work(void *argument)
{
    rl_worker *self = argument;
    rl_inside = 1;
    for (;;) {
        rl_wait_until_ready(self);
        self->task(self->context, self->thread, self->threads);
        __atomic_store_n(&self->state, RL_IDLE, __ATOMIC_RELEASE);
    }
    return NULL;
}

static void rl_start(rl_worker *self, int thread, int threads, rl_task *task, void *context)
{
    self->task = task;
    self->context = context;
    self->thread = thread;
    self->threads = threads;
    if (__atomic_exchange_n(&self->state, RL_READY, __ATOMIC_ACQ_REL) == RL_ASLEEP) {
        pthread_mutex_lock(&self->mutex);
        pthread_cond_signal(&self->wake);
        pthread_mutex_unlock(&self->mutex);
    }
}

static void rl_await(rl_worker *self)
{
    for (int tries = 0; rl_state_of(self) == RL_READY;)
        rl_relax(tries < RL_SPINS ? tries++ : tries);
}

static void rl_before_fork(void)
{
    if (!rl_inside)
        pthread_mutex_lock(&rl_turn);
}

static void rl_in_parent(void)
{
    if (!rl_inside)
        pthread_mutex_unlock(&rl_turn);
}

static void rl_in_child(void)
{
    pthread_mutex_init(&rl_turn, NULL);
    rl_running = 1; /* only the thread that forked lives on */
    rl_inside = 0;
}

/* Starts one more worker; returns whether it could. Signals are left to the program's threads. */
static int rl_add_worker(void)
{
    rl_worker *self = &rl_workers[rl_running];
    pthread_attr_t attributes;
    pthread_t thread;
    sigset_t all, before;
    self->state = RL_IDLE;
    pthread_mutex_init(&self->mutex, NULL);
    pthread_cond_init(&self->wake, NULL);
    pthread_attr_init(&attributes);
    pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, &before);
    int failed = pthread_create(&thread, &attributes, rl_work, self);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    pthread_attr_destroy(&attributes);
    rl_running += !failed;
    return !failed;
}

/* Returns how many of `wanted` threads there are, the caller's among them. */
static int rl_grow(int wanted)
{
    if (!rl_watching_forks)
        rl_watching_forks = !pthread_atfork(rl_before_fork, rl_in_parent, rl_in_child);
    while (rl_running < wanted && rl_running < RL_MOST_THREADS && rl_add_worker())
        continue;
    return wanted < rl_running ? wanted : rl_running;
}

__attribute__((visibility("default"))) void rl_pool_run(int threads, rl_task *task, void *context)
{
    if (threads <= 1 || rl_inside) {
        task(context, 0, 1);
        return;
    }
    pthread_mutex_lock(&rl_turn);
    rl_inside = 1;
    threads = rl_grow(threads);
    for (int thread = 1; thread < threads; thread++)
        rl_start(&rl_workers[thread], thread, threads, task, context);
    task(context, 0, threads);
    for (int thread = 1; thread < threads; thread++)
        rl_await(&rl_workers[thread]);
    rl_inside = 0;
    pthread_mutex_unlock(&rl_turn);
}
