/* Functions of one number for the expressions of compiled graphs, by the type of the argument.
 *
 * Those of float are free of branches, calls and tables, so that a loop over them becomes vector
 * code; they give what the exact function gives at infinities, NaN, zeros and denormals. The bounds
 * hold with and without fused multiply-add. An ulp is the step between the floats around the exact
 * result. Those of double are libm's. The polynomials are minimax fits of our own.
 */
#ifndef RUSHLIGHT_MATHS_H
#define RUSHLIGHT_MATHS_H

#include <math.h>

#include "rushlight.h"

RL_INLINE uint32_t rl_bits(float x)
{
    uint32_t bits;
    __builtin_memcpy(&bits, &x, sizeof bits);
    return bits;
}

RL_INLINE float rl_float_of(uint32_t bits)
{
    float x;
    __builtin_memcpy(&x, &bits, sizeof x);
    return x;
}

/* 2^n for -126 <= n <= 127. */
RL_INLINE float rl_power_of_two(int32_t n)
{
    return rl_float_of((uint32_t)(n + 127) << 23);
}

/* x = n ln 2 + r with |r| <= ln 2 / 2, for |x| < 2^15. The sum's low bits hold n: 12582912 is
 * 1.5 * 2^23. */
RL_INLINE float rl_split_ln2(float x, int32_t *n)
{
    float sum = x * 1.44269504f + 12582912.0f;
    float whole = sum - 12582912.0f;
    *n = (int32_t)(rl_bits(sum) - rl_bits(12582912.0f));
    return (x - whole * 0.693359375f) + whole * 2.12194440e-4f;
}

/* exp(x) / 2^less for -104 <= x <= 90. */
RL_INLINE float rl_exp_less(float x, int32_t less)
{
    int32_t n;
    float r = rl_split_ln2(x, &n);
    float p = 0.0013836714f;
    p = p * r + 0.00836914f;
    p = p * r + 0.041668106f;
    p = p * r + 0.16666517f;
    p = p * r + 0.49999994f;
    p = r * r * p + r + 1.0f;
    int32_t half = (n - less) >> 1; /* in two steps: 2^n alone may be too large or too small */
    return p * rl_power_of_two(half) * rl_power_of_two(n - less - half);
}

/* exp(x): within 1.1 ulp. */
RL_INLINE float rl_exp_f32(float x)
{
    x = x > 89.0f ? 89.0f : x;
    x = x < -104.0f ? -104.0f : x;
    return rl_exp_less(x, 0);
}

/* exp(r) - 1 with x = n ln 2 + r, for |x| < 2^15. */
RL_INLINE float rl_expm1_part(float x, int32_t *n)
{
    float r = rl_split_ln2(x, n);
    float p = 0.0013838708f;
    p = p * r + 0.008367057f;
    p = p * r + 0.041667745f;
    p = p * r + 0.16666539f;
    p = p * r + 0.49999997f;
    return r * r * p + r;
}

/* exp(x) - 1 for |x| < 80. */
RL_INLINE float rl_expm1_near(float x)
{
    int32_t n;
    float p = rl_expm1_part(x, &n);
    float scale = rl_power_of_two(n);
    return p * scale + (scale - 1.0f);
}

/* log(1 + f) - f for sqrt(1/2) <= 1 + f < sqrt(2). */
RL_INLINE float rl_log_rest(float f)
{
    float p = 0.08700401f;
    p = p * f - 0.14266932f;
    p = p * f + 0.14914508f;
    p = p * f - 0.16577652f;
    p = p * f + 0.199631f;
    p = p * f - 0.25001335f;
    p = p * f + 0.3333391f;
    return f * f * (p * f - 0.5f);
}

/* x = 2^e (1 + f) with sqrt(1/2) <= 1 + f < sqrt(2), for x > 0. */
RL_INLINE float rl_split_power(float x, float *e)
{
    float normal = x < 0x1p-126f ? x * 0x1p23f : x;
    uint32_t shifted = rl_bits(normal) - rl_bits(0.70710677f);
    int32_t exponent = (int32_t)shifted >> 23;
    *e = (float)exponent - (x < 0x1p-126f ? 23.0f : 0.0f);
    return rl_float_of((shifted & 0x7FFFFF) + rl_bits(0.70710677f)) - 1.0f;
}

/* What a logarithm gives where it is no number: -inf at 0, NaN below; elsewhere y. */
RL_INLINE float rl_log_limits(float x, float y)
{
    float other = x < 0 ? NAN : x == 0 ? -INFINITY : x;
    return x > 0 && x < INFINITY ? y : other;
}

/* log(x): within 1.3 ulp; -inf at 0, NaN below. */
RL_INLINE float rl_log_f32(float x)
{
    float e;
    float f = rl_split_power(x, &e);
    float y = (e * -2.12194440e-4f + rl_log_rest(f)) + f + e * 0.693359375f;
    return rl_log_limits(x, y);
}

/* tanh(x): within 2.7 ulp. */
RL_INLINE float rl_tanh_f32(float x)
{
    float size = __builtin_fabsf(x);
    size = size > 9.1f ? 9.1f : size;
    float e = rl_expm1_near(2.0f * size);
    return __builtin_copysignf(e / (e + 2.0f), x);
}

/* 1 / (1 + exp(-x)): within 2.5 ulp. */
RL_INLINE float rl_sigmoid_f32(float x)
{
    float e = rl_exp_f32(-__builtin_fabsf(x));
    return (x < 0 ? e : 1.0f) / (1.0f + e);
}

RL_INLINE double rl_sigmoid_f64(double x)
{
    return 1.0 / (1.0 + exp(-x));
}

#define rl_exp(x) _Generic((x), float: rl_exp_f32, double: exp)(x)
#define rl_log(x) _Generic((x), float: rl_log_f32, double: log)(x)
#define rl_tanh(x) _Generic((x), float: rl_tanh_f32, double: tanh)(x)
#define rl_sigmoid(x) _Generic((x), float: rl_sigmoid_f32, double: rl_sigmoid_f64)(x)
#define rl_sin(x) _Generic((x), float: sinf, double: sin)(x)
#define rl_cos(x) _Generic((x), float: cosf, double: cos)(x)
#define rl_sqrt(x) _Generic((x), float: sqrtf, double: sqrt)(x)
#define rl_floor(x) _Generic((x), float: floorf, double: floor)(x)
#define rl_ceil(x) _Generic((x), float: ceilf, double: ceil)(x)

/* Of two numbers the larger and the smaller, where NaN beats all; the size, sign, positive part. */
#define RL_FLOATS(name, type)                                                                      \
    RL_INLINE type rl_max_##name(type x, type y) { return x > y || x != x ? x : y; }               \
    RL_INLINE type rl_min_##name(type x, type y) { return x < y || x != x ? x : y; }               \
    RL_INLINE type rl_relu_##name(type x) { return x < 0 ? 0 : x; }                                \
    RL_INLINE type rl_sign_##name(type x)                                                          \
    {                                                                                              \
        type sign = x > 0 ? 1 : x < 0 ? -1 : 0;                                                    \
        return x != x ? x : sign;                                                                  \
    }

#define RL_INTEGERS(name, type)                                                                    \
    RL_INLINE type rl_max_##name(type x, type y) { return x > y ? x : y; }                         \
    RL_INLINE type rl_min_##name(type x, type y) { return x < y ? x : y; }

#define RL_SIGNED(name, type)                                                                      \
    RL_INTEGERS(name, type)                                                                        \
    RL_INLINE type rl_sign_##name(type x) { return (type)((x > 0) - (x < 0)); }                    \
    RL_INLINE type rl_abs_##name(type x) { return (type)(x < 0 ? 0 - (uint64_t)x : (uint64_t)x); } \
    RL_INLINE type rl_pow_##name(type x, type y)                                                   \
    {                                                                                              \
        return (type)(y < 0 ? rl_inverse_power(x, y) : rl_power((uint64_t)x, (uint64_t)y));        \
    }

#define RL_UNSIGNED(name, type)                                                                    \
    RL_INTEGERS(name, type)                                                                        \
    RL_INLINE type rl_sign_##name(type x) { return x > 0; }                                        \
    RL_INLINE type rl_abs_##name(type x) { return x; }                                             \
    RL_INLINE type rl_pow_##name(type x, type y) { return (type)rl_power(x, y); }

/* x^y, which wraps around at 2^64 and so in every narrower type too. */
RL_INLINE uint64_t rl_power(uint64_t x, uint64_t y)
{
    uint64_t power = 1;
    for (; y > 0; y >>= 1) {
        power = y & 1 ? power * x : power;
        x *= x;
    }
    return power;
}

/* The whole part of x^y for y < 0, and 0 for x = 0. */
RL_INLINE uint64_t rl_inverse_power(int64_t x, int64_t y)
{
    uint64_t sign = y & 1 ? (uint64_t)x : 1;
    return x == 1 || x == -1 ? sign : 0;
}

RL_FLOATS(f32, float)
RL_FLOATS(f64, double)
RL_SIGNED(i8, int8_t)
RL_SIGNED(i16, int16_t)
RL_SIGNED(i32, int32_t)
RL_SIGNED(i64, int64_t)
RL_UNSIGNED(u8, uint8_t)
RL_UNSIGNED(u16, uint16_t)
RL_UNSIGNED(u32, uint32_t)
RL_UNSIGNED(u64, uint64_t)

#define RL_OF_INTEGER(name)                                                                        \
    int8_t: rl_##name##_i8, int16_t: rl_##name##_i16, int32_t: rl_##name##_i32,                    \
    int64_t: rl_##name##_i64, uint8_t: rl_##name##_u8, uint16_t: rl_##name##_u16,                  \
    uint32_t: rl_##name##_u32, uint64_t: rl_##name##_u64
#define RL_OF_FLOAT(name) float: rl_##name##_f32, double: rl_##name##_f64

#define rl_max(x, y) _Generic((x), RL_OF_FLOAT(max), RL_OF_INTEGER(max))(x, y)
#define rl_min(x, y) _Generic((x), RL_OF_FLOAT(min), RL_OF_INTEGER(min))(x, y)
#define rl_sign(x) _Generic((x), RL_OF_FLOAT(sign), RL_OF_INTEGER(sign))(x)
#define rl_relu(x) _Generic((x), RL_OF_FLOAT(relu))(x)
#define rl_abs(x) _Generic((x), float: fabsf, double: fabs, RL_OF_INTEGER(abs))(x)
#define rl_pow(x, y) _Generic((x), float: powf, double: pow, RL_OF_INTEGER(pow))(x, y)

/* Floats cut to integers. What does not fit, and NaN, becomes the least int32 or int64; narrower
 * integers are the low bits of an int32, as with x86 and NumPy on it. */
#define RL_CUT(name, type)                                                                         \
    RL_INLINE int32_t rl_to_int32_##name(type x)                                                   \
    {                                                                                              \
        type fits = x > (type)-0x1.00000002p31 && x < (type)0x1p31 ? x : (type)-0x1p31;            \
        return (int32_t)fits;                                                                      \
    }                                                                                              \
    RL_INLINE int64_t rl_to_int64_##name(type x)                                                   \
    {                                                                                              \
        type fits = x >= (type)-0x1p63 && x < (type)0x1p63 ? x : (type)-0x1p63;                    \
        return (int64_t)fits;                                                                      \
    }                                                                                              \
    RL_INLINE uint32_t rl_to_uint32_##name(type x)                                                 \
    {                                                                                              \
        type past = x >= (type)0x1p31 ? (type)0x1p31 : 0;                                          \
        return (uint32_t)rl_to_int32_##name(x - past) + (uint32_t)(int64_t)past;                   \
    }                                                                                              \
    RL_INLINE uint64_t rl_to_uint64_##name(type x)                                                 \
    {                                                                                              \
        uint64_t low = (uint64_t)rl_to_int64_##name(x);                                            \
        uint64_t high = (uint64_t)rl_to_int64_##name(x - (type)0x1p63) + ((uint64_t)1 << 63);      \
        return x >= (type)0x1p63 ? high : low;                                                     \
    }

RL_CUT(f32, float)
RL_CUT(f64, double)

#define rl_to_int32(x) _Generic((x), RL_OF_FLOAT(to_int32))(x)
#define rl_to_int64(x) _Generic((x), RL_OF_FLOAT(to_int64))(x)
#define rl_to_uint32(x) _Generic((x), RL_OF_FLOAT(to_uint32))(x)
#define rl_to_uint64(x) _Generic((x), RL_OF_FLOAT(to_uint64))(x)
#define rl_to_int8(x) (int8_t)rl_to_int32(x)
#define rl_to_int16(x) (int16_t)rl_to_int32(x)
#define rl_to_uint8(x) (uint8_t)rl_to_int32(x)
#define rl_to_uint16(x) (uint16_t)rl_to_int32(x)

#endif
