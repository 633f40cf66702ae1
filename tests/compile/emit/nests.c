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

/* The arrays of one nest: what `out` holds before, and what it should hold after. */
struct arrays {
    number *left, *right, *before, *wanted;
    int64_t count;
};

static struct arrays make(const struct nest *nest)
{
    struct arrays a;
    a.left = numbers(extent(nest, nest->left));
    a.right = numbers(extent(nest, nest->right));
    a.count = results(nest);
    a.before = numbers(a.count);
    a.wanted = malloc((size_t)a.count * sizeof *a.wanted);
    if (a.count) {
        memcpy(a.wanted, a.before, (size_t)a.count * sizeof *a.wanted);
        if (!nest->adds)
            clear(nest, 0, a.wanted);
    }
    plain_loops(nest, 0, a.left, a.right, a.wanted);
    return a;
}

static int compare(const struct nest *nest, int64_t shares, const struct arrays *a,
                   const number *out)
{
    for (int64_t i = 0; i < a->count; i++)
        if (!(out[i] == a->wanted[i])) {
            printf("%s in %" PRId64 ": out[%" PRId64 "] is %g, not %g\n", nest->name, shares, i,
                   (double)out[i], (double)a->wanted[i]);
            return 1;
        }
    return 0;
}

/* Runs a nest in so many shares, the last first. */
static int check(const struct nest *nest, int64_t shares, const struct arrays *a)
{
    number *out = malloc((size_t)a->count * sizeof *out);
    char *scratch = aligned_alloc(64, (size_t)(nest->scratch + 63) / 64 * 64);
    if (a->count)
        memcpy(out, a->before, (size_t)a->count * sizeof *out);
    for (int64_t share = shares; share-- > 0;)
        nest->run(a->left, a->right, out, scratch, share * nest->units / shares,
                  (share + 1) * nest->units / shares);
    const int failed = compare(nest, shares, a, out);
    free(out);
    free(scratch);
    return failed;
}

static int run_all(const struct nest *nests, int count)
{
    int failed = 0;
    for (int i = 0; i < count; i++) {
        const struct arrays a = make(&nests[i]);
        for (int64_t shares = 1; shares <= 3; shares++)
            failed += check(&nests[i], shares, &a);
        free(a.left);
        free(a.right);
        free(a.before);
        free(a.wanted);
    }
    printf("%d nests, %d failures\n", count, failed);
    return failed != 0;
}
