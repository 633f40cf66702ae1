/* Philox4x32-10: random words that are a pure function of a key and a counter.
 *
 * Salmon, Moraes, Dror, Shaw, "Parallel random numbers: as easy as 1, 2, 3", SC11. A state is four
 * words: the key, then the number of the next block, low word first. A block is four words.
 */
#ifndef RUSHLIGHT_PHILOX_H
#define RUSHLIGHT_PHILOX_H

#include "rushlight.h"

RL_INLINE void rl_philox_block(const uint32_t state[4], uint64_t block, uint32_t words[4])
{
    uint64_t number = ((uint64_t)state[3] << 32 | state[2]) + block;
    uint32_t key0 = state[0], key1 = state[1];
    uint32_t c0 = (uint32_t)number, c1 = (uint32_t)(number >> 32), c2 = 0, c3 = 0;
#pragma GCC unroll 10
    for (int round = 0; round < 10; round++) {
        uint64_t left = (uint64_t)0xD2511F53 * c0;
        uint64_t right = (uint64_t)0xCD9E8D57 * c2;
        c0 = (uint32_t)(right >> 32) ^ c1 ^ key0;
        c1 = (uint32_t)right;
        c2 = (uint32_t)(left >> 32) ^ c3 ^ key1;
        c3 = (uint32_t)left;
        key0 += 0x9E3779B9;
        key1 += 0xBB67AE85;
    }
    words[0] = c0;
    words[1] = c1;
    words[2] = c2;
    words[3] = c3;
}

/* Words `first` to `first + count - 1` of what follows a state. */
static __attribute__((unused)) void rl_philox_fill(const uint32_t state[4], int64_t first,
                                                   int64_t count, uint32_t *restrict out)
{
    uint32_t key_and_number[4] = {state[0], state[1], state[2], state[3]};
    uint32_t words[4];
    int64_t done = 0;
    if (first % 4 != 0) {
        rl_philox_block(key_and_number, (uint64_t)first / 4, words);
        for (int64_t at = first % 4; at < 4 && done < count; at++)
            out[done++] = words[at];
    }
    uint64_t block = (uint64_t)(first + done) / 4;
    uint32_t *whole = out + done;
    int64_t blocks = (count - done) / 4;
    for (int64_t i = 0; i < blocks; i++)
        rl_philox_block(key_and_number, block + (uint64_t)i, whole + 4 * i);
    done += 4 * blocks;
    if (done < count) {
        rl_philox_block(key_and_number, block + (uint64_t)blocks, words);
        for (int64_t at = 0; done < count; at++)
            out[done++] = words[at];
    }
}

/* The state after `count` words were drawn: blocks are not shared. `next` may be `state`. */
RL_INLINE void rl_philox_advance(const uint32_t state[4], int64_t count, uint32_t next[4])
{
    uint64_t number = ((uint64_t)state[3] << 32 | state[2]) + ((uint64_t)count + 3) / 4;
    next[0] = state[0];
    next[1] = state[1];
    next[2] = (uint32_t)number;
    next[3] = (uint32_t)(number >> 32);
}

#endif
