/* What a parallel section, a barrier and waking up cost, for as many threads as the argument says:
 *
 *     cc -std=gnu11 -O2 -I rushlight/compile/runtime tests/compile/runtime/time_pool.c \
 *        rushlight/compile/runtime/threads.c -o build/time_pool -pthread && build/time_pool 2
 */
#define _GNU_SOURCE
#include <time.h>

#include "barrier.h"
#include "expect.h"

void rl_pool_run(int threads, rl_task *task, void *context);

typedef struct meeting {
    rl_barrier barrier;
    int rounds;
} meeting;

static double seconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

static void meet(void *context, int thread, int threads)
{
    meeting *all = context;
    (void)thread;
    for (int round = 0; round < all->rounds; round++)
        rl_barrier_wait(&all->barrier, threads);
}

/* The best of five, in microseconds, for sections of `rounds` barriers each. */
static double best(int threads, int sections, int rounds)
{
    double least = 1e9;
    for (int repeat = 0; repeat < 5; repeat++) {
        meeting all = {.rounds = rounds};
        double start = seconds();
        for (int section = 0; section < sections; section++)
            rl_pool_run(threads, meet, &all);
        double took = (seconds() - start) / sections * 1e6;
        least = took < least ? took : least;
    }
    return least;
}

static double after_pause(int threads, int sections)
{
    struct timespec pause = {0, 1000000};
    meeting all = {.rounds = 0};
    double sum = 0;
    for (int section = 0; section < sections; section++) {
        nanosleep(&pause, NULL);
        double start = seconds();
        rl_pool_run(threads, meet, &all);
        sum += seconds() - start;
    }
    return sum / sections * 1e6;
}

int main(int count, char **arguments)
{
    EXPECT(count == 2 || count == 3);
    int threads = atoi(arguments[1]), times = count == 3 ? atoi(arguments[2]) : 20000;
    printf("a section %.3f us\n", best(threads, times, 0));
    printf("a barrier %.3f us\n", best(threads, 1, times) / times);
    printf("a section after a pause of 1 ms %.1f us\n", after_pause(threads, times / 100 + 1));
    return 0;
}
