/* rl_program: the graph MaxPool2d. 1 kernel; 1,152 bytes for what lies between. */

/* kernel_1. max_pool2d: (4, 8, 12, 12) to (4, 8, 6, 6) */
static void kernel_1(
    const float *restrict x, float *restrict y, uint8_t *restrict taps,
    char *scratch, int64_t first, int64_t last, rl_call *call)
{
    (void)scratch;
    (void)call;
    for (int64_t unit = first; unit < last; unit++) {
        const int64_t n = unit / 48;
        const int64_t c = unit / 6 % 8;
        const int64_t row = unit % 6;
        for (int64_t column = 0; column < 6; column++) {
            int32_t found;
            const float *window = x + n * 1152 + c * 144 + row * 24 + column * 2;
            float best = window[13];
            int32_t tap = 3;
            const float x2 = window[12];
            const int takes2 = (x2 >= best) | (x2 != x2);
            best = takes2 ? x2 : best;
            tap = takes2 ? 2 : tap;
            const float x1 = window[1];
            const int takes1 = (x1 >= best) | (x1 != x1);
            best = takes1 ? x1 : best;
            tap = takes1 ? 1 : tap;
            const float x0 = window[0];
            const int takes0 = (x0 >= best) | (x0 != x0);
            best = takes0 ? x0 : best;
            tap = takes0 ? 0 : tap;
            y[n * 288 + c + row * 48 + column * 8] = best;
            found = tap;
            taps[n * 288 + c + row * 48 + column * 8] = found;
        }
    }
}

static void rl_program_steps(void *context, int thread, int threads)
{
    rl_call *const call = ((rl_job *)context)->call;
    float *const x_0 = (float *)call->buffers[0];
    float *const result_1 = (float *)call->buffers[1];
    uint8_t *const max_pool2d_2 = (uint8_t *)(call->arena + 0);
    char *const scratch = call->arena + 1152;

    /* max_pool2d: (4, 8, 12, 12) to (4, 8, 6, 6) */
    kernel_1(x_0, result_1, max_pool2d_2, scratch, rl_share(192, thread, threads),
        rl_share(192, thread + 1, threads), call);
}

__attribute__((visibility("default"))) int64_t rl_program(rl_call *call);
int64_t rl_program(rl_call *call)
{
    return rl_run_steps(call, rl_program_steps, call->threads);
}
