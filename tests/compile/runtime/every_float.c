/* Every function of the headers of maths at floats and doubles of all kinds, for the sanitizers. */
#include <string.h>

#include "expect.h"
#include "angles.h"
#include "half.h"
#include "whole.h"

static void use_float(float x)
{
    volatile float y = rl_exp(x) + rl_log(x) + rl_tanh(x) + rl_sigmoid(x) + rl_erf(x);
    y = rl_erfc(x) + rl_expm1(x) + rl_exp2(x) + rl_log1p(x) + rl_log2(x) + rl_log10(x);
    y = rl_softplus(x) + rl_logaddexp(x, 2.0f) + rl_xlogy(x, x) + rl_hypot(x, 1.0f) + rl_tan(x);
    y = rl_asin(x) + rl_acos(x) + rl_atan(x) + rl_atan2(x, 1.0f) + rl_sinh(x) + rl_cosh(x);
    y = rl_asinh(x) + rl_acosh(x) + rl_atanh(x) + rl_round(x) + rl_trunc(x) + rl_copysign(x, x);
    y = rl_floor_divide(x, 0.7f) + rl_remainder(0.7f, x) + rl_fmod(x, 0.7f);
    y = rl_sin(x) + rl_cos(x) + rl_sqrt(x) + rl_floor(x) + rl_ceil(x) + rl_abs(x) + rl_sign(x);
    y = rl_max(x, 1.0f) + rl_min(x, 1.0f) + rl_relu(x) + rl_pow(x, 0.5f);
    volatile int64_t whole = rl_to_int8(x) + rl_to_int16(x) + rl_to_uint8(x) + rl_to_uint16(x);
    whole = rl_to_int32(x) ^ rl_to_int64(x) ^ rl_to_uint32(x) ^ (int64_t)rl_to_uint64(x);
    volatile uint16_t half = rl_f16_from_float(x) ^ rl_bf16_from_float(x);
    y = rl_float_from_f16(half) + rl_float_from_bf16(half);
    (void)y;
    (void)whole;
}

static void use_double(double x)
{
    volatile double y = rl_exp(x) + rl_sigmoid(x) + rl_sign(x) + rl_max(x, 1.0) + rl_relu(x);
    y = rl_softplus(x) + rl_logaddexp(x, x) + rl_xlogy(x, 2.0) + rl_floor_divide(x, 0.7);
    y = rl_remainder(x, 0.7);
    volatile int64_t whole = rl_to_int32(x) ^ rl_to_int64(x) ^ rl_to_uint32(x);
    whole = (int64_t)rl_to_uint64(x) ^ rl_to_int8(x) ^ rl_f16_from_double(x);
    (void)y;
    (void)whole;
}

static void use_integers(int64_t x, int64_t other)
{
    volatile int64_t y = rl_abs(x) ^ rl_sign(x) ^ rl_pow(x, x) ^ rl_max(x, (int64_t)3);
    int8_t narrow = (int8_t)x;
    y = rl_abs(narrow) ^ rl_pow(narrow, narrow);
    uint16_t natural = (uint16_t)x;
    y = rl_abs(natural) ^ rl_pow(natural, natural) ^ rl_min(natural, natural);
    uint64_t wide = (uint64_t)x;
    volatile uint64_t z = rl_floor_divide(wide, (uint64_t)other) ^ rl_remainder(wide, wide);
    z = rl_fmod(wide, wide) ^ rl_left_shift(wide, wide) ^ rl_right_shift(wide, wide);
    y = rl_floor_divide(x, other) ^ rl_remainder(x, other) ^ rl_fmod(x, other);
    y = (int64_t)rl_left_shift(x, other) ^ rl_right_shift(x, other);
    y = rl_floor_divide(narrow, narrow) ^ rl_right_shift(narrow, narrow);
    (void)y;
    (void)z;
}

int main(void)
{
    for (uint64_t bits = 0; bits < (uint64_t)1 << 32; bits += 99991) {
        uint64_t wide = bits << 32 | bits;
        double x;
        memcpy(&x, &wide, sizeof x);
        use_float(rl_float_of((uint32_t)bits));
        use_double(x);
        use_integers((int64_t)wide, (int64_t)bits);
    }
    const int64_t edges[] = {INT64_MIN, INT64_MIN + 1, -64, -1, 0, 1, 63, 64, INT64_MAX};
    for (int i = 0; i < 9; i++)
        for (int j = 0; j < 9; j++)
            use_integers(edges[i], edges[j]);
    EXPECT(rl_floor_divide(INT64_MIN, INT64_C(-1)) == INT64_MIN);
    EXPECT(rl_floor_divide(INT64_C(7), INT64_C(0)) == 0);
    EXPECT(rl_remainder(INT64_C(-7), INT64_C(3)) == 2);
    EXPECT(rl_right_shift(INT64_C(-7), INT64_C(-1)) == -1);
    EXPECT(rl_abs(INT64_MIN) == INT64_MIN);
    return 0;
}
