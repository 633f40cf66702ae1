/* Attention by tiles: the scores of up to 64 keys, the rows, for up to 64 queries, the lanes.
 *
 * Queries lie side by side, in strips of 16, so that what is done for each of them is done by
 * vectors. Where attention is causal, `seen` is how many keys of a tile its first query sees; each
 * of the following sees one more. Otherwise it is RL_TILE. Dao et al. 2022 and 2023.
 */
#ifndef RUSHLIGHT_ATTENTION_H
#define RUSHLIGHT_ATTENTION_H

#include "maths.h"
#include "philox.h"
#include "tiles.h"

#define RL_TILE 64
#define RL_STRIP 16
#define RL_BLOCK (RL_REGISTERS == 32 ? 8 : 4) /* rows of a product that are done at once */

typedef int32_t rl_ints __attribute__((vector_size(4 * RL_LANES), aligned(4), may_alias));

RL_INLINE int64_t rl_clamp(int64_t x, int64_t low, int64_t high)
{
    x = x < high ? x : high;
    return x > low ? x : low;
}

RL_INLINE int64_t rl_rounded(int64_t count, int64_t step)
{
    return (count + step - 1) / step * step;
}

/* The first query that sees a key, rounded down to a strip. */
RL_INLINE int64_t rl_strip_of(int64_t key, int64_t seen)
{
    return key < seen ? 0 : (key - seen + 1) / RL_STRIP * RL_STRIP;
}

/* How many keys of `count` a strip's last query sees, rounded up to blocks. */
RL_INLINE int64_t rl_end_of(int64_t strip, int64_t seen, int64_t count)
{
    return rl_rounded(rl_clamp(seen + strip + RL_STRIP - 1, 0, count), RL_BLOCK);
}

RL_INLINE rl_vec rl_choose(rl_ints which, rl_vec x, rl_vec y)
{
    return (rl_vec)((which & (rl_ints)x) | (~which & (rl_ints)y));
}

RL_INLINE rl_vec rl_larger(rl_vec x, rl_vec y)
{
    return rl_choose(x > y, x, y);
}

/* exp(x) for x below 88: within 1.1 ulp; 0 for x below -86.5, NaN for NaN. */
RL_INLINE rl_vec rl_weights(rl_vec x)
{
    rl_vec sum = x * 1.44269504f + 12582912.0f;
    rl_vec whole = sum - 12582912.0f;
    rl_vec r = (x - whole * 0.693359375f) + whole * 2.12194440e-4f;
    rl_vec p = 0.0013836714f * r + 0.00836914f;
    p = p * r + 0.041668106f;
    p = p * r + 0.16666517f;
    p = p * r + 0.49999994f;
    p = r * r * p + r + 1.0f;
    rl_ints power = ((rl_ints)sum - 0x4B400000 + 127) << 23;
    return (rl_vec)((rl_ints)(p * (rl_vec)power) & ~(x < -86.5f));
}

/* out[row][column] += the sum of left * right, for RL_BLOCK rows and some vectors of columns; with
 * `anew` instead of +=. */
RL_INLINE void rl_multiply(float *out, int64_t out_step, const float *left, int64_t row_step,
                           int64_t inner_step, const float *right, int64_t right_step,
                           int64_t inner, const int vectors, const int anew)
{
    rl_vec sums[RL_BLOCK][2];
    RL_UNROLL
    for (int row = 0; row < RL_BLOCK; row++)
        RL_UNROLL
        for (int v = 0; v < vectors; v++)
            sums[row][v] = anew ? rl_splat(0) : rl_load(out + row * out_step + v * RL_LANES);
    for (int64_t k = 0; k < inner; k++) {
        rl_vec columns[2];
        RL_UNROLL
        for (int v = 0; v < vectors; v++) {
            columns[v] = rl_load(right + k * right_step + v * RL_LANES);
            RL_KEEP(columns[v]);
        }
        RL_UNROLL
        for (int row = 0; row < RL_BLOCK; row++) {
            const float factor = left[row * row_step + k * inner_step];
            RL_UNROLL
            for (int v = 0; v < vectors; v++)
                sums[row][v] += factor * columns[v];
        }
    }
    RL_UNROLL
    for (int row = 0; row < RL_BLOCK; row++)
        RL_UNROLL
        for (int v = 0; v < vectors; v++)
            rl_store(out + row * out_step + v * RL_LANES, sums[row][v]);
}

/* The same for columns from `first` to before `columns`, a multiple of RL_LANES. */
RL_INLINE void rl_multiply_rows(float *out, int64_t out_step, const float *left, int64_t row_step,
                                int64_t inner_step, const float *right, int64_t right_step,
                                int64_t inner, int64_t first, int64_t columns, const int anew)
{
    int64_t c = first;
    for (; c + 2 * RL_LANES <= columns; c += 2 * RL_LANES)
        rl_multiply(out + c, out_step, left, row_step, inner_step, right + c, right_step, inner, 2,
                    anew);
    for (; c < columns; c += RL_LANES)
        rl_multiply(out + c, out_step, left, row_step, inner_step, right + c, right_step, inner, 1,
                    anew);
}

/* scores[key][query] = keys[key] times queries[][query], where some query of a strip sees the key. */
static __attribute__((unused, noinline)) void rl_scores(float *scores, const float *keys, int64_t width, const float *queries,
                         int64_t size, int64_t lanes, int64_t count, int64_t seen)
{
    for (int64_t key = 0; key < count; key += RL_BLOCK)
        rl_multiply_rows(scores + key * RL_TILE, RL_TILE, keys + key * width, width, 1, queries,
                         RL_TILE, size, rl_strip_of(key, seen), lanes, 1);
}

/* means[query] += weights[][query] times values[], over the keys that the query sees. */
static __attribute__((unused, noinline)) void rl_mix(float *means, const float *weights, const float *values, int64_t width,
                      int64_t lanes, int64_t count, int64_t seen)
{
    for (int64_t query = 0; query < lanes; query += RL_BLOCK)
        rl_multiply_rows(means + query * width, width, weights + query, 1, RL_TILE, values, width,
                         rl_clamp(seen + query + RL_BLOCK - 1, 0, count), 0, width, 0);
}

/* sums[key] += weights[key][] times rows[], over the queries that see the key. */
static __attribute__((unused, noinline)) void rl_spread(float *sums, const float *weights, const float *rows, int64_t width,
                         int64_t queries, int64_t count, int64_t seen)
{
    for (int64_t key = 0; key < count; key += RL_BLOCK) {
        const int64_t first = rl_strip_of(key, seen);
        rl_multiply_rows(sums + key * width, width, weights + key * RL_TILE + first, RL_TILE, 1,
                         rows + first * width, width, queries - first, 0, width, 0);
    }
}

/* Scores that count for nothing, in a vector of queries from `lane` on: those of keys from `count`
 * on, and of keys that a query does not see. */
RL_INLINE void rl_hide(float *scores, int64_t lane, int64_t seen, int64_t count, int64_t end)
{
    rl_ints lanes;
    for (int32_t i = 0; i < RL_LANES; i++)
        lanes[i] = i;
    for (int64_t key = rl_clamp(seen + lane, 0, count); key < end; key++) {
        const int64_t hidden = key < count ? key - seen + 1 - lane : RL_LANES;
        const rl_ints which = lanes < (int32_t)rl_clamp(hidden, 0, RL_LANES);
        float *const at = scores + key * RL_TILE;
        rl_store(at, rl_choose(which, rl_splat(-INFINITY), rl_load(at)));
    }
}

/* Philox blocks for a strip of queries: that of the first, and each `step` after the one before. */
RL_INLINE void rl_philox_strip(const uint32_t state[4], uint64_t first, uint64_t step,
                               uint32_t words[4][RL_STRIP])
{
    const uint64_t number = ((uint64_t)state[3] << 32 | state[2]) + first;
    uint32_t *c0 = words[0], *c1 = words[1], *c2 = words[2], *c3 = words[3];
    for (int lane = 0; lane < RL_STRIP; lane++) {
        c0[lane] = (uint32_t)(number + (uint64_t)lane * step);
        c1[lane] = (uint32_t)((number + (uint64_t)lane * step) >> 32);
        c2[lane] = c3[lane] = 0;
    }
    uint32_t key0 = state[0], key1 = state[1];
    for (int round = 0; round < 10; round++) {
        for (int lane = 0; lane < RL_STRIP; lane++) {
            const uint64_t left = (uint64_t)0xD2511F53 * c0[lane];
            const uint64_t right = (uint64_t)0xCD9E8D57 * c2[lane];
            c0[lane] = (uint32_t)(right >> 32) ^ c1[lane] ^ key0;
            c1[lane] = (uint32_t)right;
            c2[lane] = (uint32_t)(left >> 32) ^ c3[lane] ^ key1;
            c3[lane] = (uint32_t)left;
        }
        key0 += 0x9E3779B9;
        key1 += 0xBB67AE85;
    }
}

/* What weights are multiplied by: `factor`, or 0 where their random word is below `least`. The words
 * of the first query begin with block `first`, those of each other `step` blocks later. */
static __attribute__((unused, noinline)) void rl_keep(
    float *kept, const uint32_t state[4], uint64_t first, uint64_t step, int64_t lanes,
    int64_t count, int64_t seen, uint32_t least, float factor)
{
    for (int64_t strip = 0; strip < lanes; strip += RL_STRIP) {
        const int64_t end = rl_end_of(strip, seen, count);
        for (int64_t key = 0; key < end; key += 4) {
            uint32_t words[4][RL_STRIP];
            rl_philox_strip(state, first + (uint64_t)strip * step + (uint64_t)key / 4, step, words);
            for (int64_t word = 0; word < 4; word++)
                for (int64_t lane = 0; lane < RL_STRIP; lane++)
                    kept[(key + word) * RL_TILE + strip + lane] =
                        words[word][lane] >= least ? factor : 0;
        }
    }
}

/* Scores become weights, exp(score - top). `top`, the largest so far, and `total`, the sum of the
 * weights so far, go on; what was summed under the top before shrinks by `fall`. With `kept`, the
 * weights are then multiplied by that. */
static __attribute__((unused, noinline)) void rl_soften(
    float *scores, int64_t lanes, int64_t count, int64_t seen, float *top, float *total,
    float *fall, const float *kept)
{
    for (int64_t lane = 0; lane < lanes; lane += RL_LANES) {
        float *const at = scores + lane;
        const int64_t end = rl_end_of(lane / RL_STRIP * RL_STRIP, seen, count);
        rl_hide(at, lane, seen, count, end);
        const rl_vec before = rl_load(top + lane);
        rl_vec best = before;
        for (int64_t key = 0; key < end; key++)
            best = rl_larger(rl_load(at + key * RL_TILE), best);
        const rl_vec level = rl_choose(best == -INFINITY, rl_splat(0), best);
        rl_vec sum = rl_splat(0);
        for (int64_t key = 0; key < end; key++) {
            const rl_vec weight = rl_weights(rl_load(at + key * RL_TILE) - level);
            sum += weight;
            const rl_vec factor = kept == NULL ? rl_splat(1) : rl_load(kept + key * RL_TILE + lane);
            rl_store(at + key * RL_TILE, weight * factor);
        }
        const rl_vec less = rl_weights(before - level);
        rl_store(fall + lane, less);
        rl_store(top + lane, best);
        rl_store(total + lane, rl_load(total + lane) * less + sum);
    }
}

/* means[query] *= fall[query] */
RL_INLINE void rl_shrink(float *means, int64_t width, const float *fall, int64_t queries)
{
    for (int64_t query = 0; query < queries; query++)
        for (int64_t c = 0; c < width; c++)
            means[query * width + c] *= fall[query];
}

/* After the last tile: top becomes the logarithm of the sum of exp(score), total its inverse. */
RL_INLINE void rl_close(float *top, float *total, int64_t lanes)
{
    for (int64_t lane = 0; lane < lanes; lane++) {
        const float sum = total[lane] == 0 ? 1 : total[lane];
        top[lane] = (top[lane] == -INFINITY ? 0 : top[lane]) + rl_log(sum);
        total[lane] = 1 / sum;
    }
}

/* The way back. Scores become weights, and `changes`, the products of gradients and values, what
 * scores change by: weight * (product - drift). With `kept`, factors of weights and products. */
static __attribute__((unused, noinline)) void rl_recall(
    float *scores, float *changes, int64_t lanes, int64_t count, int64_t seen, const float *lse,
    const float *drift, const float *kept)
{
    for (int64_t lane = 0; lane < lanes; lane += RL_LANES) {
        const int64_t end = rl_end_of(lane / RL_STRIP * RL_STRIP, seen, count);
        rl_hide(scores + lane, lane, seen, count, end);
        const rl_vec level = rl_load(lse + lane), less = rl_load(drift + lane);
        for (int64_t key = 0; key < end; key++) {
            const int64_t at = key * RL_TILE + lane;
            const rl_vec weight = rl_weights(rl_load(scores + at) - level);
            rl_vec product = rl_load(changes + at), used = weight;
            if (kept != NULL) {
                const rl_vec factor = rl_load(kept + at);
                product *= factor;
                used *= factor;
            }
            rl_store(scores + at, used);
            rl_store(changes + at, weight * (product - less));
        }
    }
}

/* One query at a time. A row of `size` floats, of which the last few may be no whole vector. */
RL_INLINE rl_vec rl_load_of(const float *row, int64_t at, int64_t size)
{
    return at + RL_LANES <= size ? rl_load(row + at) : rl_load_part(row + at, (int)(size - at));
}

/* scores[key] = query times keys[key], whose rows are `step` apart; `query` ends in zeros, so that
 * it fills whole vectors. Four scores are written at once: there is room for them. */
static __attribute__((unused, noinline)) void rl_row_scores(
    float *scores, const float *query, const float *keys, int64_t step, int64_t count, int64_t size)
{
    for (int64_t key = 0; key < count; key += 4) {
        rl_vec sums[4];
        RL_UNROLL
        for (int i = 0; i < 4; i++)
            sums[i] = rl_splat(0);
        const float *rows[4];
        for (int64_t i = 0; i < 4; i++)
            rows[i] = keys + (key + i < count ? key + i : count - 1) * step;
        for (int64_t c = 0; c < size; c += RL_LANES) {
            const rl_vec factor = rl_load(query + c);
            RL_UNROLL
            for (int i = 0; i < 4; i++)
                sums[i] += factor * rl_load_of(rows[i], c, size);
        }
        rl_total(scores + key, sums);
    }
}

/* Scores become weights, exp(score - top); returns top, or 0 where that is -inf, and their sum. There
 * is room for whole strips. */
static __attribute__((unused, noinline)) float rl_row_soften(
    float *scores, int64_t count, float *total)
{
    const int64_t end = rl_rounded(count, RL_STRIP);
    for (int64_t key = count; key < end; key++)
        scores[key] = -INFINITY;
    rl_vec best = rl_splat(-INFINITY);
    for (int64_t key = 0; key < end; key += RL_LANES)
        best = rl_larger(rl_load(scores + key), best);
    float top = -INFINITY;
    for (int lane = 0; lane < RL_LANES; lane++)
        top = best[lane] > top ? best[lane] : top;
    top = top == -INFINITY ? 0 : top;
    rl_vec sum = rl_splat(0);
    for (int64_t key = 0; key < end; key += RL_LANES) {
        const rl_vec weight = rl_weights(rl_load(scores + key) - top);
        rl_store(scores + key, weight);
        sum += weight;
    }
    *total = 0;
    for (int lane = 0; lane < RL_LANES; lane++)
        *total += sum[lane];
    return top;
}

/* mean = the sum of weights[key] * values[key], whose rows are `step` apart, in whole vectors. */
static __attribute__((unused, noinline)) void rl_row_mix(
    float *mean, const float *weights, const float *values, int64_t step, int64_t count,
    int64_t size)
{
    for (int64_t c = 0; c < size; c += RL_LANES) {
        rl_vec sums[4];
        RL_UNROLL
        for (int i = 0; i < 4; i++)
            sums[i] = rl_splat(0);
        int64_t key = 0;
        for (; key + 4 <= count; key += 4)
            RL_UNROLL
            for (int i = 0; i < 4; i++)
                sums[i] += weights[key + i] * rl_load_of(values + (key + i) * step, c, size);
        for (; key < count; key++)
            sums[0] += weights[key] * rl_load_of(values + key * step, c, size);
        rl_store(mean + c, (sums[0] + sums[1]) + (sums[2] + sums[3]));
    }
}

#endif
