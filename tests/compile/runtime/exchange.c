/* Threads that write side by side and read what the others wrote after each barrier. */
#include "barrier.h"
#include "expect.h"

void rl_pool_run(int threads, rl_task *task, void *context);

enum { MOST = 8 };

typedef struct shared {
    rl_barrier barrier;
    int rounds;
    int wrong;
    int64_t seen[MOST];
    int64_t written[2][MOST];
} shared;

static void exchange(void *context, int thread, int threads)
{
    shared *all = context;
    for (int round = 0; round < all->rounds; round++) {
        int64_t *row = all->written[round % 2], sum = 0;
        row[thread] = round + thread;
        rl_barrier_wait(&all->barrier, threads);
        for (int other = 0; other < threads; other++)
            sum += row[other] - other;
        all->seen[thread] += sum == (int64_t)threads * round;
    }
}

int main(int count, char **arguments)
{
    EXPECT(count == 3);
    int threads = atoi(arguments[1]);
    shared all = {.rounds = atoi(arguments[2])};
    rl_pool_run(threads, exchange, &all);
    for (int thread = 0; thread < threads; thread++)
        EXPECT(all.seen[thread] == all.rounds);
    EXPECT(all.barrier.arrived == 0);
    EXPECT(all.barrier.round == (threads == 1 ? 0 : all.rounds));
    return 0;
}
