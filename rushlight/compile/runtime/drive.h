/* Many runs of compiled graphs by one call. */
#ifndef RUSHLIGHT_DRIVE_H
#define RUSHLIGHT_DRIVE_H

#include "rushlight.h"

typedef struct rl_drive {
    rl_call *const *calls;  /* [program] */
    rl_run *const *runs;    /* [program] */
    const int32_t *which;   /* [step]: its program */
    int64_t moved;          /* how many buffers change from step to step */
    const int32_t *slots;   /* [program][moved]: which entry of that call's buffers */
    char *const *bases;     /* [moved] */
    const int64_t *offsets; /* [step][moved]: bytes from the base */
    int64_t first, last;    /* the steps to do: from `first` up to and without `last` */
} rl_drive;

/* How many steps were done: fewer than last - first if one failed, of which its call tells. */
int64_t rl_drive_run(const rl_drive *drive);

#endif
