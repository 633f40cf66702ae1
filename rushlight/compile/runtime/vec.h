/* Vectors of float: as many lanes as the target has, never more. */
#ifndef RUSHLIGHT_VEC_H
#define RUSHLIGHT_VEC_H

#include "rushlight.h"

#if defined(__AVX512F__)
#define RL_LANES 16
#elif defined(__AVX__)
#define RL_LANES 8
#else
#define RL_LANES 4 /* SSE, NEON, wasm; elsewhere the compiler splits them */
#endif

/* Aligned as a float is, so that it may lie anywhere in an array. */
typedef float rl_vec __attribute__((vector_size(4 * RL_LANES), aligned(4), may_alias));

RL_INLINE rl_vec rl_load(const float *from)
{
    return *(const rl_vec *)from;
}

RL_INLINE void rl_store(float *to, rl_vec v)
{
    *(rl_vec *)to = v;
}

RL_INLINE rl_vec rl_splat(float x)
{
    return x - (rl_vec){0};
}

/* The first n floats, n at most RL_LANES, and zeros; memory beyond them is not read. */
RL_INLINE rl_vec rl_load_part(const float *from, int n)
{
    rl_vec v = {0};
    for (int lane = 0; lane < RL_LANES; lane++)
        if (lane < n)
            v[lane] = from[lane];
    return v;
}

/* Stores the first n lanes, n at most RL_LANES; memory beyond them is not touched. */
RL_INLINE void rl_store_part(float *to, rl_vec v, int n)
{
    for (int lane = 0; lane < RL_LANES; lane++)
        if (lane < n)
            to[lane] = v[lane];
}

#endif
