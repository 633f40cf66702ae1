/* The pool of threads, in one of the situations that the first argument names. */
#define _GNU_SOURCE
#include <pthread.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "barrier.h"
#include "expect.h"

void rl_pool_run(int threads, rl_task *task, void *context);

enum { MOST = 300, ROUNDS = 200 };

/* What one call of the pool did: each thread writes its own entries, and meets all others. */
typedef struct visit {
    rl_barrier barrier;
    int times[MOST];
    int threads[MOST];
} visit;

static void meet(void *context, int thread, int threads)
{
    visit *all = context;
    all->times[thread]++;
    all->threads[thread] = threads;
    rl_barrier_wait(&all->barrier, threads);
}

/* Every thread came once and knew how many there were; returns that number. */
static int complete(const visit *all)
{
    int threads = all->threads[0];
    for (int thread = 0; thread < MOST; thread++) {
        EXPECT(all->times[thread] == (thread < threads));
        EXPECT(all->threads[thread] == (thread < threads ? threads : 0));
    }
    return threads;
}

static void visit_with(int threads)
{
    visit all = {0};
    rl_pool_run(threads, meet, &all);
    EXPECT(complete(&all) == threads);
}

static void pause_for(long microseconds)
{
    struct timespec time = {0, microseconds * 1000};
    nanosleep(&time, NULL);
}

static void growing(void)
{
    static const int numbers[] = {1, 2, 4, 3, 2, 7, 1, 8, 5};
    for (int round = 0; round < ROUNDS; round++)
        visit_with(numbers[round % 9]);
}

/* Pauses around the time after which a worker falls asleep. */
static void sleeping(void)
{
    for (int round = 0; round < ROUNDS; round++) {
        visit_with(2 + round % 2);
        pause_for(round % 20 * 5);
    }
}

static void *visit_often(void *argument)
{
    for (int round = 0; round < ROUNDS; round++)
        visit_with(2 + (int)(intptr_t)argument);
    return NULL;
}

static void concurrent(void)
{
    pthread_t callers[4];
    for (intptr_t caller = 0; caller < 4; caller++)
        EXPECT(pthread_create(&callers[caller], NULL, visit_often, (void *)(caller % 2)) == 0);
    for (int caller = 0; caller < 4; caller++)
        EXPECT(pthread_join(callers[caller], NULL) == 0);
}

static void visit_from_within(void *context, int thread, int threads)
{
    visit inner = {0};
    (void)threads;
    rl_pool_run(4, meet, &inner);
    ((int *)context)[thread] = complete(&inner);
}

static void nested(void)
{
    int inner[3] = {0};
    rl_pool_run(3, visit_from_within, inner);
    for (int thread = 0; thread < 3; thread++)
        EXPECT(inner[thread] == 1);
    visit_with(3);
}

static void forking(void)
{
    for (int round = 0; round < 5; round++) {
        visit_with(3);
        pid_t child = fork();
        EXPECT(child >= 0);
        if (child == 0) {
            visit_with(4);
            visit_with(2);
            _exit(7);
        }
        visit_with(2);
        int status;
        EXPECT(waitpid(child, &status, 0) == child);
        EXPECT(WIFEXITED(status) && WEXITSTATUS(status) == 7);
    }
}

static void *fork_often(void *argument)
{
    for (int round = 0; round < 10; round++)
        forking();
    return argument;
}

static void forking_while_busy(void)
{
    pthread_t caller;
    EXPECT(pthread_create(&caller, NULL, visit_often, NULL) == 0);
    fork_often(NULL);
    EXPECT(pthread_join(caller, NULL) == 0);
}

static void too_many(void)
{
    visit all = {0};
    rl_pool_run(100000, meet, &all);
    EXPECT(complete(&all) > 1);
}

int main(int count, char **arguments)
{
    static const struct {
        const char *name;
        void (*run)(void);
    } situations[] = {
        {"growing", growing},   {"sleeping", sleeping}, {"concurrent", concurrent},
        {"nested", nested},     {"forking", forking},   {"forking while busy", forking_while_busy},
        {"too many", too_many},
    };
    EXPECT(count == 2);
    for (size_t i = 0; i < sizeof situations / sizeof *situations; i++)
        if (strcmp(arguments[1], situations[i].name) == 0) {
            situations[i].run();
            puts("done");
        }
    return 0;
}
