/* Exponentials, logarithms and the error function, in the manner of maths.h. */
#ifndef RUSHLIGHT_SPECIAL_H
#define RUSHLIGHT_SPECIAL_H

#include "maths.h"

/* exp(x) - 1: within 1.7 ulp. */
RL_INLINE float rl_expm1_f32(float x)
{
    int32_t n;
    float inside = x > 89.0f ? 89.0f : x < -18.0f ? -18.0f : x;
    float p = rl_expm1_part(inside, &n);
    float scale = rl_power_of_two(n - 1); /* 2^n alone may be too large */
    float y = 2.0f * (p * scale + (scale - 0.5f));
    return __builtin_fabsf(x) < 0x1p-24f ? x : y;
}

/* 2^x: within 1.2 ulp, and exact for whole x. */
RL_INLINE float rl_exp2_f32(float x)
{
    float inside = x > 129.0f ? 129.0f : x < -151.0f ? -151.0f : x;
    float sum = inside + 12582912.0f; /* 1.5 * 2^23: the low bits of the sum hold n */
    int32_t n = (int32_t)(rl_bits(sum) - rl_bits(12582912.0f));
    float r = inside - (sum - 12582912.0f);
    float p = 0.00015458096f;
    p = p * r + 0.0013387729f;
    p = p * r + 0.009618074f;
    p = p * r + 0.055503666f;
    p = p * r + 0.2402265f;
    p = p * r + 0.6931472f;
    p = p * r + 1.0f;
    int32_t half = n >> 1;
    return p * rl_power_of_two(half) * rl_power_of_two(n - half);
}

/* log(1 + x) for -1 < x < infinity and NaN; 0 for -0. */
RL_INLINE float rl_log1p_near(float x)
{
    float e;
    float sum = 1.0f + x;
    float lost = x - (sum - 1.0f);
    float f = rl_split_power(sum, &e);
    f += lost * rl_power_of_two(e > 99.0f ? -99 : -(int32_t)e); /* nothing is lost of large ones */
    return (e * -2.12194440e-4f + rl_log_rest(f)) + f + e * 0.693359375f;
}

/* log(1 + x): within 1.9 ulp; -inf at -1, NaN below. */
RL_INLINE float rl_log1p_f32(float x)
{
    float y = rl_log_limits(1.0f + x, rl_log1p_near(x));
    return __builtin_fabsf(x) < 0x1p-24f ? x : y;
}

/* log2(x): within 2.2 ulp, and exact for powers of two; -inf at 0, NaN below. */
RL_INLINE float rl_log2_f32(float x)
{
    float e;
    float f = rl_split_power(x, &e);
    return rl_log_limits(x, (rl_log_rest(f) + f) * 1.44269504f + e);
}

/* log10(x): within 2.4 ulp; -inf at 0, NaN below. */
RL_INLINE float rl_log10_f32(float x)
{
    float e;
    float f = rl_split_power(x, &e);
    float y = (rl_log_rest(f) + f) * 0.434294482f + e * 4.6050390e-06f + e * 0.301025391f;
    return rl_log_limits(x, y);
}

/* log(1 + exp(x)): within 2.1 ulp. */
RL_INLINE float rl_softplus_f32(float x)
{
    float above = x < 0 ? 0.0f : x;
    return above + rl_log1p_near(rl_exp_f32(-__builtin_fabsf(x)));
}

/* erf(x): within 1.3 ulp. */
RL_INLINE float rl_erf_f32(float x)
{
    float size = __builtin_fabsf(x);
    float s = x * x;
    float p = -0.0006053446f;
    p = p * s + 0.005004346f;
    p = p * s - 0.026773399f;
    p = p * s + 0.11281978f;
    p = p * s - 0.37612507f;
    p = p * s + 0.12837915f;
    float near = x * p + x;
    float t = size > 4.0f ? 4.0f : size; /* log(1 - erf(t)) from 0.9 on */
    float q = -2.0826325e-05f;
    q = q * t + 0.00043134968f;
    q = q * t - 0.004156053f;
    q = q * t + 0.025080204f;
    q = q * t - 0.108219944f;
    q = q * t - 0.6334011f;
    q = q * t - 1.1294883f;
    q = q * t + 0.00016920433f;
    float far = __builtin_copysignf(-rl_expm1_near(q), x);
    return size < 0.9f ? near : far;
}

/* 1 - erf(x): within 3.6 ulp. */
RL_INLINE float rl_erfc_f32(float x)
{
    float size = __builtin_fabsf(x);
    size = size > 10.2f ? 10.2f : size;
    float high = rl_float_of(rl_bits(size) & 0xFFFFF000); /* whose square is exact */
    float low = (high - size) * (high + size);
    float t = (size - 2.0f) / (size + 2.0f); /* (1 + 2 size) exp(size^2) erfc(size) from 0.4 on */
    float p = -0.0002889949f;
    p = p * t - 0.0012470509f;
    p = p * t + 0.001197106f;
    p = p * t + 0.0086502405f;
    p = p * t - 0.00801934f;
    p = p * t - 0.054210857f;
    p = p * t + 0.16405018f;
    p = p * t - 0.16603063f;
    p = p * t - 0.09276381f;
    p = p * t + 1.2769784f;
    int32_t none;
    float far = p / (1.0f + 2.0f * size) * rl_exp_f32(-high * high);
    far += far * rl_expm1_part(low, &none);
    far = x < 0 ? 2.0f - far : far;
    return size < 0.45f ? 1.0f - rl_erf_f32(x) : x != x ? x : far;
}

RL_INLINE double rl_softplus_f64(double x)
{
    return (x < 0 ? 0 : x) + log1p(exp(-__builtin_fabs(x)));
}

/* log(exp(x) + exp(y)); of equal infinities that infinity. */
RL_INLINE float rl_logaddexp_f32(float x, float y)
{
    float apart = x == y ? 0.0f : x - y;
    return rl_max_f32(x, y) + rl_log1p_near(rl_exp_f32(-__builtin_fabsf(apart)));
}

RL_INLINE double rl_logaddexp_f64(double x, double y)
{
    double apart = x == y ? 0.0 : x - y;
    return rl_max_f64(x, y) + log1p(exp(-__builtin_fabs(apart)));
}

/* x log(y), and 0 for x = 0 unless y is NaN. */
#define RL_TIMES_LOG(name, type)                                                                   \
    RL_INLINE type rl_xlogy_##name(type x, type y)                                                 \
    {                                                                                              \
        type product = x * rl_log(y);                                                              \
        return x == 0 && y == y ? 0 : product;                                                     \
    }

#define rl_expm1(x) _Generic((x), float: rl_expm1_f32, double: expm1)(x)
#define rl_exp2(x) _Generic((x), float: rl_exp2_f32, double: exp2)(x)
#define rl_log1p(x) _Generic((x), float: rl_log1p_f32, double: log1p)(x)
#define rl_log2(x) _Generic((x), float: rl_log2_f32, double: log2)(x)
#define rl_log10(x) _Generic((x), float: rl_log10_f32, double: log10)(x)
#define rl_softplus(x) _Generic((x), float: rl_softplus_f32, double: rl_softplus_f64)(x)
#define rl_erf(x) _Generic((x), float: rl_erf_f32, double: erf)(x)
#define rl_erfc(x) _Generic((x), float: rl_erfc_f32, double: erfc)(x)

RL_TIMES_LOG(f32, float)
RL_TIMES_LOG(f64, double)

#define rl_logaddexp(x, y) _Generic((x), RL_OF_FLOAT(logaddexp))(x, y)
#define rl_xlogy(x, y) _Generic((x), RL_OF_FLOAT(xlogy))(x, y)

#endif
