/* Sorting: positions by keys, equal keys as they come, with no memory but the caller's. */
#ifndef RUSHLIGHT_SORT_H
#define RUSHLIGHT_SORT_H

#include "rushlight.h"

#define RL_RUN 8   /* so many pairs are sorted by insertion, before runs of them are merged */
#define RL_MANY 64 /* from so many on, going over them digit by digit is quicker */

/* A key, and the place that it came from. */
typedef struct rl_pair {
    uint64_t key;
    int64_t place;
} rl_pair;

/* Keys are ordered as the numbers are: both zeros alike, and NaN above all. */
RL_INLINE uint64_t rl_key_of_int(int64_t x)
{
    return (uint64_t)x ^ (UINT64_C(1) << 63);
}

RL_INLINE uint64_t rl_key_of_double(double x)
{
    uint64_t bits;
    const double number = x == 0 ? 0.0 : x;
    if (x != x)
        return UINT64_MAX;
    __builtin_memcpy(&bits, &number, sizeof bits);
    return bits >> 63 ? ~bits : bits | UINT64_C(1) << 63;
}

RL_INLINE uint64_t rl_key_of_float(float x)
{
    uint32_t bits;
    const float number = x == 0 ? 0.0f : x;
    if (x != x)
        return UINT32_MAX;
    __builtin_memcpy(&bits, &number, sizeof bits);
    return bits >> 31 ? ~bits : bits | UINT32_C(1) << 31;
}

/* Sort each run of `RL_RUN` pairs, the last may be shorter. */
RL_INLINE void rl_sort_runs(rl_pair *pairs, int64_t count)
{
    for (int64_t start = 0; start < count; start += RL_RUN) {
        const int64_t end = start + RL_RUN < count ? start + RL_RUN : count;
        for (int64_t next = start + 1; next < end; next++) {
            const rl_pair pair = pairs[next];
            int64_t to = next;
            for (; to > start && pairs[to - 1].key > pair.key; to--)
                pairs[to] = pairs[to - 1];
            pairs[to] = pair;
        }
    }
}

/* Merge two sorted ranges that lie one behind the other; of equal keys those of the first lead. */
RL_INLINE void rl_merge(const rl_pair *from, int64_t middle, int64_t end, rl_pair *to)
{
    int64_t left = 0, right = middle;
    for (int64_t i = 0; i < end; i++) {
        const int takes_right = left == middle || (right < end && from[right].key < from[left].key);
        to[i] = from[takes_right ? right : left];
        right += takes_right;
        left += !takes_right;
    }
}

/* Sort by runs that are merged two by two. */
RL_INLINE const rl_pair *rl_sort_by_merging(rl_pair *pairs, rl_pair *spare, int64_t count)
{
    rl_sort_runs(pairs, count);
    for (int64_t width = RL_RUN; width < count; width *= 2) {
        for (int64_t start = 0; start < count; start += 2 * width) {
            const int64_t rest = count - start;
            const int64_t middle = width < rest ? width : rest;
            const int64_t end = 2 * width < rest ? 2 * width : rest;
            rl_merge(pairs + start, middle, end, spare + start);
        }
        rl_pair *const sorted = spare;
        spare = pairs;
        pairs = sorted;
    }
    return pairs;
}

/* Sort by one digit (byte) of the keys after another, the lowest first; each pass keeps the order
   of what is equal in its digit. Digits that all keys have in common take no pass. */
RL_INLINE const rl_pair *rl_sort_by_digits(rl_pair *pairs, rl_pair *spare, int64_t count)
{
    int64_t counts[8][256] = {{0}};
    for (int64_t i = 0; i < count; i++)
        for (int digit = 0; digit < 8; digit++)
            counts[digit][pairs[i].key >> 8 * digit & 255]++;
    for (int digit = 0; digit < 8; digit++) {
        int64_t *const next = counts[digit]; /* where the next pair with a digit goes */
        if (next[pairs[0].key >> 8 * digit & 255] == count)
            continue;
        int64_t start = 0;
        for (int value = 0; value < 256; value++) {
            const int64_t size = next[value];
            next[value] = start;
            start += size;
        }
        for (int64_t i = 0; i < count; i++)
            spare[next[pairs[i].key >> 8 * digit & 255]++] = pairs[i];
        rl_pair *const sorted = spare;
        spare = pairs;
        pairs = sorted;
    }
    return pairs;
}

/* Sort pairs by their keys; returns where they then are, in `pairs` or in `spare`. */
static __attribute__((unused)) const rl_pair *rl_sort(rl_pair *pairs, rl_pair *spare, int64_t count)
{
    if (count < RL_MANY)
        return rl_sort_by_merging(pairs, spare, count);
    return rl_sort_by_digits(pairs, spare, count);
}

#endif
