/* Whole numbers: rounding, quotients and remainders, shifts. Nothing here traps or is undefined. */
#ifndef RUSHLIGHT_WHOLE_H
#define RUSHLIGHT_WHOLE_H

#include "maths.h"

/* Of floats, as Python and NumPy have it: the quotient rounded down, and the remainder, which has
 * the sign of y. By 0 the quotient is infinite or NaN, the remainder NaN. */
#define RL_QUOTIENTS_OF_FLOATS(name, type)                                                         \
    RL_INLINE type rl_remainder_##name(type x, type y)                                             \
    {                                                                                              \
        type rest = rl_fmod(x, y);                                                                 \
        if (rest == 0)                                                                             \
            return rl_copysign((type)0, y);                                                        \
        return (rest < 0) != (y < 0) ? rest + y : rest;                                            \
    }                                                                                              \
    RL_INLINE type rl_floor_divide_##name(type x, type y)                                          \
    {                                                                                              \
        type rest = rl_fmod(x, y);                                                                 \
        type quotient = (x - rest) / y;                                                            \
        type below = quotient - (rest != 0 && (rest < 0) != (y < 0) ? 1 : 0);                      \
        type whole = rl_floor(below);                                                              \
        type nearest = whole + (below - whole > (type)0.5 ? 1 : 0);                                \
        return y == 0 ? x / y : below == 0 ? rl_copysign((type)0, x / y) : nearest;                \
    }

/* Of integers; by 0 all are 0, and the least one by -1 wraps around. */
RL_INLINE int64_t rl_fmod_i64(int64_t x, int64_t y)
{
    return y == 0 || y == -1 ? 0 : x % y;
}

RL_INLINE uint64_t rl_fmod_u64(uint64_t x, uint64_t y)
{
    return y == 0 ? 0 : x % y;
}

RL_INLINE int64_t rl_remainder_i64(int64_t x, int64_t y)
{
    int64_t rest = rl_fmod_i64(x, y);
    return rest != 0 && (rest < 0) != (y < 0) ? rest + y : rest;
}

RL_INLINE int64_t rl_floor_divide_i64(int64_t x, int64_t y)
{
    if (y == 0 || y == -1)
        return y == 0 ? 0 : (int64_t)(0 - (uint64_t)x);
    return x / y - (x % y != 0 && (x < 0) != (y < 0));
}

RL_INLINE uint64_t rl_floor_divide_u64(uint64_t x, uint64_t y)
{
    return y == 0 ? 0 : x / y;
}

/* x 2^y without what does not fit; by less than 0 or all of the bits 0. */
RL_INLINE uint64_t rl_left_shift_u64(uint64_t x, uint64_t y)
{
    return y < 64 ? x << y : 0;
}

/* x / 2^y rounded down; by less than 0 or all of the bits what is left is the sign. */
RL_INLINE int64_t rl_right_shift_i64(int64_t x, int64_t y)
{
    return x >> (y >= 0 && y < 63 ? y : 63);
}

RL_INLINE uint64_t rl_right_shift_u64(uint64_t x, uint64_t y)
{
    return y < 64 ? x >> y : 0;
}

/* Integers are widened for the function, and its result is cut to their type where it is kept. */
#define RL_OF_WIDE(name) uint64_t: rl_##name##_u64, default: rl_##name##_i64

#define rl_round(x) _Generic((x), float: rintf, double: rint)(x)
#define rl_trunc(x) _Generic((x), float: truncf, double: trunc)(x)
#define rl_copysign(x, y) _Generic((x), float: copysignf, double: copysign)(x, y)
#define rl_fmod(x, y) _Generic((x), float: fmodf, double: fmod, RL_OF_WIDE(fmod))(x, y)

RL_QUOTIENTS_OF_FLOATS(f32, float)
RL_QUOTIENTS_OF_FLOATS(f64, double)

#define rl_remainder_u64 rl_fmod_u64
#define rl_remainder(x, y) _Generic((x), RL_OF_FLOAT(remainder), RL_OF_WIDE(remainder))(x, y)
#define rl_floor_divide(x, y)                                                                      \
    _Generic((x), RL_OF_FLOAT(floor_divide), RL_OF_WIDE(floor_divide))(x, y)
#define rl_left_shift(x, y) rl_left_shift_u64((uint64_t)(x), (uint64_t)(y))
#define rl_right_shift(x, y) _Generic((x), RL_OF_WIDE(right_shift))(x, y)

#endif
