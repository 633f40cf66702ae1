/* Runs contractions on arrays of exactly their size, and compares with plain loops. The numbers are
   small and whole, so that every order of summing gives the same. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#ifndef number
#define number float
#endif

#define AXES 12

typedef void kernel(const number *, const number *, number *, char *, int64_t, int64_t);

struct nest {
    const char *name;
    kernel *run;
    int64_t units, scratch;
    int adds, axes;
    int64_t size[AXES], left[AXES], right[AXES], out[AXES];
};

static uint64_t seed = 1;

static number *numbers(int64_t count)
{
    number *all = malloc((size_t)count * sizeof *all);
    for (int64_t i = 0; i < count; i++) {
        seed = seed * 6364136223846793005u + 1442695040888963407u;
        all[i] = (number)((int64_t)(seed >> 61) - 4);
    }
    return all;
}

static int64_t extent(const struct nest *nest, const int64_t *strides)
{
    int64_t last = 0;
    for (int i = 0; i < nest->axes; i++) {
        if (nest->size[i] == 0)
            return 0;
        last += (nest->size[i] - 1) * strides[i];
    }
    return last + 1;
}

static void plain_loops(const struct nest *nest, int axis, const number *left, const number *right,
                        number *out)
{
    if (axis == nest->axes) {
        *out += *left * *right;
        return;
    }
    for (int64_t i = 0; i < nest->size[axis]; i++)
        plain_loops(nest, axis + 1, left + i * nest->left[axis], right + i * nest->right[axis],
                    out + i * nest->out[axis]);
}

/* Zeros wherever a sum will be. */
static void clear(const struct nest *nest, int axis, number *out)
{
    if (axis == nest->axes) {
        *out = 0;
        return;
    }
    const int64_t size = nest->out[axis] ? nest->size[axis] : 1;
    for (int64_t i = 0; i < size; i++)
        clear(nest, axis + 1, out + i * nest->out[axis]);
}

static int64_t results(const struct nest *nest)
{
    int64_t last = 0;
    for (int i = 0; i < nest->axes; i++) {
        if (nest->size[i] == 0 && nest->out[i])
            return 0;
        last += nest->size[i] ? (nest->size[i] - 1) * nest->out[i] : 0;
    }
    return last + 1;
}

static int check(const struct nest *nest, int64_t shares)
{
    number *left = numbers(extent(nest, nest->left)), *right = numbers(extent(nest, nest->right));
    const int64_t count = results(nest);
    number *out = numbers(count), *wanted = malloc((size_t)count * sizeof *wanted);
    char *scratch = aligned_alloc(64, (size_t)(nest->scratch + 63) / 64 * 64);
    if (count) {
        memcpy(wanted, out, (size_t)count * sizeof *wanted);
        if (!nest->adds)
            clear(nest, 0, wanted);
    }
    plain_loops(nest, 0, left, right, wanted);
    for (int64_t share = shares; share-- > 0;)
        nest->run(left, right, out, scratch, share * nest->units / shares,
                  (share + 1) * nest->units / shares);
    int failed = 0;
    for (int64_t i = 0; i < count && !failed; i++)
        if (!(out[i] == wanted[i])) {
            printf("%s in %" PRId64 ": out[%" PRId64 "] is %g, not %g\n", nest->name, shares, i,
                   (double)out[i], (double)wanted[i]);
            failed = 1;
        }
    free(left), free(right), free(out), free(wanted), free(scratch);
    return failed;
}

static int run_all(const struct nest *nests, int count)
{
    int failed = 0;
    for (int i = 0; i < count; i++)
        for (int64_t shares = 1; shares <= 3; shares++)
            failed += check(&nests[i], shares);
    printf("%d nests, %d failures\n", count, failed);
    return failed != 0;
}
