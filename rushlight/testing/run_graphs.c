/* Runs compiled graphs on the buffers of a file, on 1 thread and on more: the bits must be the same.
 *
 * The file has 64-bit numbers: for each graph the bytes of its arena, of a thread's scratch, and how
 * many buffers there are; for each of those its bytes, and then as many bytes of what it holds.
 * Each buffer has memory of its own, of just its size, so that a sanitizer sees a step beyond.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "rushlight.h"

enum { MOST_THREADS = 4, ALIGNMENT = 64 };

extern rl_run *const graphs[];
extern const int graph_count;
rl_parallel rl_pool_run;

typedef struct buffers {
    int64_t count;
    int64_t *bytes;
    char **held;
} buffers;

static void *memory(size_t bytes)
{
    void *found = malloc(bytes);
    if (found == NULL)
        exit(3);
    return found;
}

static int64_t number(FILE *file)
{
    int64_t read;
    if (fread(&read, sizeof read, 1, file) != 1)
        exit(4);
    return read;
}

static buffers buffers_of(FILE *file)
{
    buffers all = {.count = number(file)};
    all.bytes = memory((size_t)all.count * sizeof *all.bytes);
    all.held = memory((size_t)all.count * sizeof *all.held);
    for (int64_t i = 0; i < all.count; i++) {
        all.bytes[i] = number(file);
        all.held[i] = memory((size_t)all.bytes[i]);
        if (fread(all.held[i], 1, (size_t)all.bytes[i], file) != (size_t)all.bytes[i])
            exit(4);
    }
    return all;
}

static buffers copy_of(buffers old)
{
    buffers new = {.count = old.count, .bytes = old.bytes};
    new.held = memory((size_t)old.count * sizeof *new.held);
    for (int64_t i = 0; i < old.count; i++) {
        new.held[i] = memory((size_t)old.bytes[i]);
        memcpy(new.held[i], old.held[i], (size_t)old.bytes[i]);
    }
    return new;
}

static void drop(buffers all)
{
    for (int64_t i = 0; i < all.count; i++)
        free(all.held[i]);
    free(all.held);
}

static void run(int graph, buffers all, int64_t arena, int64_t scratch, int threads)
{
    size_t bytes = (size_t)(arena + threads * scratch + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
    rl_call call = {.threads = threads, .parallel = rl_pool_run};
    call.buffers = (void *const *)all.held;
    call.arena = aligned_alloc(ALIGNMENT, bytes ? bytes : ALIGNMENT);
    memset(call.arena, 0xA5, bytes);
    graphs[graph](&call);
    free(call.arena);
}

int main(int count, char **arguments)
{
    FILE *file = count > 1 ? fopen(arguments[1], "rb") : NULL;
    if (file == NULL)
        return 2;
    for (int graph = 0; graph < graph_count; graph++) {
        int64_t arena = number(file), scratch = number(file);
        buffers given = buffers_of(file), alone = copy_of(given);
        run(graph, alone, arena, scratch, 1);
        for (int threads = 2; threads <= MOST_THREADS; threads++) {
            buffers together = copy_of(given);
            run(graph, together, arena, scratch, threads);
            for (int64_t i = 0; i < given.count; i++)
                if (memcmp(alone.held[i], together.held[i], (size_t)given.bytes[i]) != 0)
                    printf("graph %d: buffer %d differs on %d threads\n", graph, (int)i, threads);
            drop(together);
        }
        drop(alone);
        drop(given);
        free(given.bytes);
    }
    fclose(file);
    printf("done\n");
    return 0;
}
