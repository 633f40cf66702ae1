/* Two programs that a driver runs, step by step, on buffers that move. */
#include "drive.h"
#include "expect.h"

enum { STEPS = 6, MOVED = 2 };

/* Program 0 adds its two first buffers into the third; program 1 has them the other way round. */
static int64_t add(rl_call *call)
{
    const int32_t *left = call->buffers[0], *right = call->buffers[1];
    int32_t *sum = call->buffers[2];
    if (*left < 0) {
        call->failed = 3;
        call->found = *left;
        return call->failed;
    }
    *sum += 100 * *left + *right;
    return 0;
}

static int64_t add_swapped(rl_call *call)
{
    const int32_t *right = call->buffers[1], *left = call->buffers[2];
    int32_t *sum = call->buffers[0];
    *sum += 10000 * (100 * *left + *right);
    return 0;
}

int main(void)
{
    int32_t left[] = {1, 2, 3, 4, 5, 6}, right[] = {10, 20, 30, 40, 50, 60}, sum = 0;
    void *first[] = {NULL, NULL, &sum}, *second[] = {&sum, NULL, NULL};
    rl_call calls[] = {{.buffers = first, .threads = 1}, {.buffers = second, .threads = 1}};
    rl_call *const of_program[] = {&calls[0], &calls[1]};
    rl_run *const runs[] = {add, add_swapped};
    const int32_t which[STEPS] = {0, 1, 0, 0, 0, 1}, slots[] = {0, 1, 2, 1};
    char *const bases[MOVED] = {(char *)left, (char *)right};
    const int64_t offsets[STEPS * MOVED] = {4, 0, 0, 8, 20, 20, 0, 0, 8, 4, 12, 12};
    rl_drive drive = {of_program, runs, which, MOVED, slots, bases, offsets, 0, STEPS};

    EXPECT(rl_drive_run(&drive) == STEPS);
    EXPECT(sum == 210 + 10000 * 130 + 660 + 110 + 320 + 10000 * 440);

    drive.first = 2;
    drive.last = 4;
    sum = 0;
    EXPECT(rl_drive_run(&drive) == 2);
    EXPECT(sum == 660 + 110);

    left[0] = -7; /* of which step 3 reads, after step 2 was done */
    drive.last = STEPS;
    sum = 0;
    EXPECT(rl_drive_run(&drive) == 1);
    EXPECT(sum == 660);
    EXPECT(calls[0].failed == 3 && calls[0].found == -7);

    drive.last = drive.first;
    EXPECT(rl_drive_run(&drive) == 0);
    return 0;
}
