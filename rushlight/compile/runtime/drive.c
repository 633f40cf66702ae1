#include "drive.h"

__attribute__((visibility("default"))) int64_t rl_drive_run(const rl_drive *drive)
{
    int64_t moved = drive->moved;
    for (int64_t step = drive->first; step < drive->last; step++) {
        int32_t program = drive->which[step];
        rl_call *call = drive->calls[program];
        const int32_t *slots = drive->slots + program * moved;
        const int64_t *offsets = drive->offsets + step * moved;
        void **buffers = (void **)(intptr_t)call->buffers; /* the caller's, which it lets us set */
        for (int64_t i = 0; i < moved; i++)
            buffers[slots[i]] = drive->bases[i] + offsets[i];
        if (drive->runs[program](call) != 0)
            return step - drive->first;
    }
    return drive->last - drive->first;
}
