/* Loads and stores of n lanes beside a page that may not be touched. */
#define _GNU_SOURCE
#include <sys/mman.h>
#include <unistd.h>

#include "expect.h"
#include "vec.h"

__attribute__((noinline)) static void copy(float *to, const float *from, int n)
{
    rl_store_part(to, rl_load_part(from, n), n);
}

int main(void)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    char *memory =
        mmap(NULL, 4 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    EXPECT(memory != MAP_FAILED);
    EXPECT(mprotect(memory + page, page, PROT_NONE) == 0);
    EXPECT(mprotect(memory + 3 * page, page, PROT_NONE) == 0);
    float *from_end = (float *)(void *)(memory + page);
    float *to_end = (float *)(void *)(memory + 3 * page);

    for (int n = 0; n <= RL_LANES; n++) {
        for (int lane = 0; lane < 2 * RL_LANES; lane++) {
            from_end[-1 - lane] = (float)(lane + 1);
            to_end[-1 - lane] = -1.0f;
        }
        rl_vec part = rl_load_part(from_end - n, n);
        for (int lane = 0; lane < RL_LANES; lane++)
            EXPECT(part[lane] == (lane < n ? (float)(n - lane) : 0.0f));
        copy(to_end - n, from_end - n, n);
        for (int lane = 0; lane < 2 * RL_LANES; lane++)
            EXPECT(to_end[-1 - lane] == (lane < n ? (float)(lane + 1) : -1.0f));
    }

    rl_vec three = rl_splat(3.0f) + rl_load(from_end - RL_LANES - 1);
    rl_store(to_end - RL_LANES - 1, three);
    EXPECT(to_end[-2] == 3.0f + from_end[-2]);
    printf("%d lanes\n", RL_LANES);
    return 0;
}
