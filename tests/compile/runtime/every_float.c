/* Every function of maths.h and half.h at floats and doubles of all kinds, for the sanitizers. */
#include <string.h>

#include "expect.h"
#include "half.h"

static void use_float(float x)
{
    volatile float y = rl_exp(x) + rl_log(x) + rl_tanh(x) + rl_sigmoid(x) + rl_erf(x);
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
    volatile int64_t whole = rl_to_int32(x) ^ rl_to_int64(x) ^ rl_to_uint32(x);
    whole = (int64_t)rl_to_uint64(x) ^ rl_to_int8(x) ^ rl_f16_from_double(x);
    (void)y;
    (void)whole;
}

static void use_integer(int64_t x)
{
    volatile int64_t y = rl_abs(x) ^ rl_sign(x) ^ rl_pow(x, x) ^ rl_max(x, (int64_t)3);
    int8_t narrow = (int8_t)x;
    y = rl_abs(narrow) ^ rl_pow(narrow, narrow);
    uint16_t natural = (uint16_t)x;
    y = rl_abs(natural) ^ rl_pow(natural, natural) ^ rl_min(natural, natural);
    (void)y;
}

int main(void)
{
    for (uint64_t bits = 0; bits < (uint64_t)1 << 32; bits += 99991) {
        uint64_t wide = bits << 32 | bits;
        double x;
        memcpy(&x, &wide, sizeof x);
        use_float(rl_float_of((uint32_t)bits));
        use_double(x);
        use_integer((int64_t)wide);
    }
    EXPECT(rl_abs(INT64_MIN) == INT64_MIN);
    return 0;
}
