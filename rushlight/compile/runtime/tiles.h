/* What products are made of, beside the tile itself: unrolling, and panels of a matrix in order. */
#ifndef RUSHLIGHT_TILES_H
#define RUSHLIGHT_TILES_H

#include "vec.h"

/* In front of a loop whose number of turns is known: written out in full. Clang complains where that
 * grows too long, as it does on targets without vectors. */
#if defined(__clang__) && !defined(__SSE2__) && !defined(__ARM_NEON) && !defined(__wasm_simd128__)
#define RL_UNROLL
#elif defined(__clang__)
#define RL_UNROLL _Pragma("clang loop unroll(full)")
#else
#define RL_UNROLL _Pragma("GCC unroll 64")
#endif

/* In front of a loop whose turns touch different elements, whatever their pointers may be. Clang
 * complains where such a promise does not help it; it looks at the pointers as the loop begins. */
#if defined(__clang__)
#define RL_APART
#else
#define RL_APART _Pragma("GCC ivdep")
#endif

/* Keeps a vector in a register: compilers may choose to read it again for each use of it. */
#if defined(__x86_64__)
#define RL_KEEP(vector) __asm__("" : "+v"(vector))
#elif defined(__aarch64__)
#define RL_KEEP(vector) __asm__("" : "+w"(vector))
#else
#define RL_KEEP(vector) (void)(vector)
#endif

/* Makes a pointer one of which nothing is known: compilers may keep elements from turn to turn of a
   loop, in registers that the sums need. */
#define RL_ANEW(pointer) __asm__("" : "+r"(pointer))

/* Has memory brought near that will be used soon. */
#define RL_FETCH(pointer) __builtin_prefetch(pointer)
enum { RL_AHEAD = 16 }; /* so many rows before they are copied */

/* How many vectors the machine has room for in its registers. */
#if RL_LANES == 16 || defined(__aarch64__)
#define RL_REGISTERS 32
#else
#define RL_REGISTERS 16
#endif

/* Where vector number `vector` of `columns` adjacent ones begins; the last ends with the columns,
 * so it may begin within the one before, or even before the first column. */
RL_INLINE int64_t rl_at(int64_t vector, int64_t columns)
{
    const int64_t at = vector * RL_LANES;
    return at + RL_LANES <= columns ? at : columns - RL_LANES;
}

/* The first (or second) halves of two vectors, their elements in turn: a0 b0 a1 b1 ... */
#if RL_LANES == 16
#define RL_ZIP_LOW 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23
#define RL_ZIP_HIGH 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31
#elif RL_LANES == 8
#define RL_ZIP_LOW 0, 8, 1, 9, 2, 10, 3, 11
#define RL_ZIP_HIGH 4, 12, 5, 13, 6, 14, 7, 15
#else
#define RL_ZIP_LOW 0, 4, 1, 5
#define RL_ZIP_HIGH 2, 6, 3, 7
#endif
#if defined(__clang__)
#define rl_zip_low(a, b) __builtin_shufflevector(a, b, RL_ZIP_LOW)
#define rl_zip_high(a, b) __builtin_shufflevector(a, b, RL_ZIP_HIGH)
#else
typedef int32_t rl_places __attribute__((vector_size(4 * RL_LANES)));
#define rl_zip_low(a, b) __builtin_shuffle(a, b, (rl_places){RL_ZIP_LOW})
#define rl_zip_high(a, b) __builtin_shuffle(a, b, (rl_places){RL_ZIP_HIGH})
#endif

/* totals[i] = the sum of the lanes of vectors[i], for four vectors. */
RL_INLINE void rl_total(float *totals, const rl_vec *vectors)
{
    const rl_vec even = rl_zip_low(vectors[0], vectors[2]) + rl_zip_high(vectors[0], vectors[2]);
    const rl_vec odd = rl_zip_low(vectors[1], vectors[3]) + rl_zip_high(vectors[1], vectors[3]);
    const rl_vec all = rl_zip_low(even, odd) + rl_zip_high(even, odd);
    RL_UNROLL
    for (int i = 0; i < 4; i++) {
        totals[i] = all[i];
        RL_UNROLL
        for (int lane = i + 4; lane < RL_LANES; lane += 4)
            totals[i] += all[lane];
    }
}

/* Zipping row i with row i + RL_LANES / 2, over and over, turns a square of vectors round. */
RL_INLINE void rl_turn_square(rl_vec *square)
{
    RL_UNROLL
    for (int width = 1; width < RL_LANES; width *= 2) {
        rl_vec zipped[RL_LANES];
        RL_UNROLL
        for (int i = 0; i < RL_LANES / 2; i++) {
            zipped[2 * i] = rl_zip_low(square[i], square[i + RL_LANES / 2]);
            zipped[2 * i + 1] = rl_zip_high(square[i], square[i + RL_LANES / 2]);
        }
        RL_UNROLL
        for (int i = 0; i < RL_LANES; i++)
            square[i] = zipped[i];
    }
}

/* panel[k][c] = from[c][k] for `count` k and `columns` c, zero where c is beyond, up to `width`.
 * The rows of the panel are `stride` elements apart, those of `from` `step`. */
static __attribute__((unused, noinline)) void rl_turn_panel(
    float *restrict panel, int64_t width, int64_t stride, const float *restrict from, int64_t step,
    int64_t columns, int64_t count)
{
    for (int64_t c = 0; c < width; c += RL_LANES) {
        int64_t k = 0;
        for (; columns - c >= RL_LANES && k + RL_LANES <= count; k += RL_LANES) {
            rl_vec square[RL_LANES];
            RL_UNROLL
            for (int i = 0; i < RL_LANES; i++)
                square[i] = rl_load(from + (c + i) * step + k);
            rl_turn_square(square);
            RL_UNROLL
            for (int i = 0; i < RL_LANES; i++)
                rl_store(panel + (k + i) * stride + c, square[i]);
        }
        for (; k < count; k++)
            for (int64_t i = c; i < c + RL_LANES; i++)
                panel[k * stride + i] = i < columns ? from[i * step + k] : 0;
    }
}

/* panel[k][c] = from[k][c] for `count` k and `columns` c, zero where c is beyond, up to `width`.
 * The rows of the panel are `stride` elements apart, those of `from` `pitch`, its columns `step`. */
static __attribute__((unused, noinline)) void rl_copy_panel(
    float *restrict panel, int64_t width, int64_t stride, const float *restrict from, int64_t step,
    int64_t pitch, int64_t columns, int64_t count)
{
    for (int64_t k = 0; k < count; k++, from += pitch, panel += stride) {
        if (step == 1) {
            for (int64_t c = 0; c < columns && k + RL_AHEAD < count; c += RL_LANES)
                RL_FETCH(from + RL_AHEAD * pitch + c);
            for (int64_t c = 0; c < columns; c++)
                panel[c] = from[c];
        } else
            for (int64_t c = 0; c < columns; c++)
                panel[c] = from[c * step];
        for (int64_t c = columns; c < width; c++)
            panel[c] = 0;
    }
}

#endif
