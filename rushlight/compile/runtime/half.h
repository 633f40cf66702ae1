/* 16-bit floats, as their bits: IEEE half precision (f16) and the upper half of a float (bf16). */
#ifndef RUSHLIGHT_HALF_H
#define RUSHLIGHT_HALF_H

#include "maths.h"

RL_INLINE float rl_float_from_bf16(uint16_t half)
{
    return rl_float_of((uint32_t)half << 16);
}

/* Rounded to nearest, ties to even; NaN stays NaN. */
RL_INLINE uint16_t rl_bf16_from_float(float x)
{
    uint32_t bits = rl_bits(x);
    uint32_t rounded = (bits + 0x7FFF + (bits >> 16 & 1)) >> 16;
    uint32_t nan = bits >> 16 | 0x40;
    return (uint16_t)(x != x ? nan : rounded);
}

RL_INLINE float rl_float_from_f16(uint16_t half)
{
    uint32_t sign = (uint32_t)(half & 0x8000) << 16;
    uint32_t size = (uint32_t)(half & 0x7FFF) << 13;
    uint32_t finite = rl_bits(rl_float_of(size) * 0x1p112f); /* denormals become normal */
    return rl_float_of(sign | (size >= 0x0F800000 ? size | 0x7F800000 : finite));
}

/* Rounded to nearest, ties to even; NaN keeps its upper bits. */
RL_INLINE uint16_t rl_f16_from_float(float x)
{
    uint32_t size = rl_bits(x) & 0x7FFFFFFF;
    uint32_t sign = rl_bits(x) >> 16 & 0x8000;
    /* Adding 0.5 rounds what is below 2^-14 to a multiple of 2^-24. */
    uint32_t small = rl_bits(rl_float_of(size) + 0.5f) - rl_bits(0.5f);
    uint32_t normal = (size + 0xFFF + (size >> 13 & 1) - (112u << 23)) >> 13;
    uint32_t payload = size >> 13 & 0x3FF;
    uint32_t nan = 0x7C00 | (payload ? payload : 1);
    uint32_t half = size < 0x38800000 ? small : normal;
    half = size >= 0x477FF000 ? 0x7C00 : half;
    half = size > 0x7F800000 ? nan : half;
    return (uint16_t)(sign | half);
}

/* Rounded once: the float between is rounded to odd, so that its own rounding decides no tie. */
RL_INLINE uint16_t rl_f16_from_double(double x)
{
    float near = (float)x;
    uint32_t bits = rl_bits(near);
    uint32_t below = __builtin_fabs((double)near) > __builtin_fabs(x);
    uint32_t odd = (bits - below) | 1;
    uint32_t exact = (double)near == x || x != x;
    return rl_f16_from_float(rl_float_of(exact ? bits : odd));
}

#endif
