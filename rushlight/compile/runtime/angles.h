/* Trigonometric and hyperbolic functions and their inverses, in the manner of maths.h. */
#ifndef RUSHLIGHT_ANGLES_H
#define RUSHLIGHT_ANGLES_H

#include "special.h"

/* atan(x) for 0 <= x <= 1. */
RL_INLINE float rl_atan_near(float x)
{
    float s = x * x;
    float p = -0.001823116f;
    p = p * s + 0.011046255f;
    p = p * s - 0.031422142f;
    p = p * s + 0.05820126f;
    p = p * s - 0.08417543f;
    p = p * s + 0.10956933f;
    p = p * s - 0.14265126f;
    p = p * s + 0.19998628f;
    p = p * s - 0.33333302f;
    return p * s * x + x;
}

/* pi / 2 - x, with more digits of pi than a float holds. */
RL_INLINE float rl_from_quarter(float x)
{
    return 1.57079637f - (x + 4.37113883e-08f);
}

/* pi - x. */
RL_INLINE float rl_from_half(float x)
{
    return 3.14159274f - (x + 8.74227766e-08f);
}

/* atan(x): within 1.6 ulp. */
RL_INLINE float rl_atan_f32(float x)
{
    float size = __builtin_fabsf(x);
    float y = rl_atan_near(size > 1.0f ? 1.0f / size : size);
    return __builtin_copysignf(size > 1.0f ? rl_from_quarter(y) : y, x);
}

/* The angle of the point (x, y), in [-pi, pi]. */
RL_INLINE float rl_atan2_f32(float y, float x)
{
    float high = __builtin_fabsf(y), wide = __builtin_fabsf(x);
    float less = high < wide ? high : wide, more = high < wide ? wide : high;
    float ratio = less == more ? 1.0f : less / more; /* infinities are alike */
    float angle = rl_atan_near(more == 0 ? 0.0f : ratio);
    angle = high > wide ? rl_from_quarter(angle) : angle;
    angle = __builtin_signbit(x) ? rl_from_half(angle) : angle;
    return x != x || y != y ? x + y : __builtin_copysignf(angle, y);
}

/* asin(x) for |x| <= 1/2. */
RL_INLINE float rl_asin_near(float x)
{
    float s = x * x;
    float p = 0.042211797f;
    p = p * s + 0.024152093f;
    p = p * s + 0.04547604f;
    p = p * s + 0.07495252f;
    p = p * s + 0.16666754f;
    return p * s * x + x;
}

/* asin(x): within 2.5 ulp; NaN beyond 1. */
RL_INLINE float rl_asin_f32(float x)
{
    float size = __builtin_fabsf(x);
    int near = size < 0.5f;
    float y = rl_asin_near(near ? size : sqrtf(0.5f - 0.5f * size));
    return __builtin_copysignf(near ? y : rl_from_quarter(2.0f * y), x);
}

/* acos(x): within 1.3 ulp; NaN beyond 1. */
RL_INLINE float rl_acos_f32(float x)
{
    float size = __builtin_fabsf(x);
    int near = size < 0.5f;
    float y = rl_asin_near(near ? x : sqrtf(0.5f - 0.5f * size));
    float far = x < 0 ? rl_from_half(2.0f * y) : 2.0f * y;
    return near ? rl_from_quarter(y) : far;
}

/* sinh(x): within 1.7 ulp. */
RL_INLINE float rl_sinh_f32(float x)
{
    float size = __builtin_fabsf(x);
    float s = x * x;
    float p = 2.7839255e-06f;
    p = p * s + 0.00019842635f;
    p = p * s + 0.008333311f;
    p = p * s + 0.16666667f;
    float near = p * s * x + x;
    float half = rl_exp_less(size > 90.0f ? 90.0f : size, 1);
    float far = __builtin_copysignf(half - 0.25f / half, x);
    return size < 1.0f ? near : x != x ? x : far;
}

/* cosh(x): within 1.5 ulp. */
RL_INLINE float rl_cosh_f32(float x)
{
    float size = __builtin_fabsf(x);
    float half = rl_exp_less(size > 90.0f ? 90.0f : size, 1);
    return half + 0.25f / half;
}

/* asinh(x): within 2.2 ulp. */
RL_INLINE float rl_asinh_f32(float x)
{
    float size = __builtin_fabsf(x);
    int large = size > 0x1p30f;
    float s = large ? 0.0f : size * size;
    float y = rl_log1p_f32(size + s / (1.0f + sqrtf(1.0f + s)));
    return __builtin_copysignf(large ? y + 0.693147182f : y, x);
}

/* acosh(x): within 2.4 ulp; NaN below 1. */
RL_INLINE float rl_acosh_f32(float x)
{
    int large = x > 0x1p30f;
    float past = x - 1.0f;
    float root = sqrtf(large ? 0.0f : past * (past + 2.0f));
    float y = rl_log1p_f32(past + root);
    return x < 1.0f ? NAN : large ? y + 0.693147182f : y;
}

/* atanh(x): within 2.2 ulp; NaN beyond 1. */
RL_INLINE float rl_atanh_f32(float x)
{
    float size = __builtin_fabsf(x);
    float twice = 2.0f * size;
    float y = 0.5f * rl_log1p_f32(twice + twice * size / (1.0f - size));
    y = size > 1.0f ? NAN : y;
    return size < 0x1p-24f ? x : __builtin_copysignf(y, x);
}

/* The length of (x, y): through double, where no square is too large. */
RL_INLINE float rl_hypot_f32(float x, float y)
{
    float length = (float)sqrt((double)x * x + (double)y * y);
    int far = __builtin_fabsf(x) == INFINITY || __builtin_fabsf(y) == INFINITY;
    return far ? INFINITY : length;
}

#define rl_tan(x) _Generic((x), float: tanf, double: tan)(x)
#define rl_asin(x) _Generic((x), float: rl_asin_f32, double: asin)(x)
#define rl_acos(x) _Generic((x), float: rl_acos_f32, double: acos)(x)
#define rl_atan(x) _Generic((x), float: rl_atan_f32, double: atan)(x)
#define rl_sinh(x) _Generic((x), float: rl_sinh_f32, double: sinh)(x)
#define rl_cosh(x) _Generic((x), float: rl_cosh_f32, double: cosh)(x)
#define rl_asinh(x) _Generic((x), float: rl_asinh_f32, double: asinh)(x)
#define rl_acosh(x) _Generic((x), float: rl_acosh_f32, double: acosh)(x)
#define rl_atanh(x) _Generic((x), float: rl_atanh_f32, double: atanh)(x)
#define rl_atan2(y, x) _Generic((x), float: rl_atan2_f32, double: atan2)(y, x)
#define rl_hypot(x, y) _Generic((x), float: rl_hypot_f32, double: hypot)(x, y)

#endif
