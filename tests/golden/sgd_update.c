/* rl_program: the graph update. 1 kernel; 0 bytes for what lies between. */

/* kernel_1. mul, sub: 48 x 100 */
static void kernel_1(float *restrict weight_2, const float *restrict rate_1,
    const float *restrict x_0, int64_t first, int64_t last)
{
    const float rate_1_2 = rate_1[0];

    const int64_t end = last * 4096 < 4800 ? last * 4096 : 4800;
    for (int64_t i1 = first * 4096; i1 < end; i1++) {
        const float weight_2_1 = weight_2[i1];
        const float x_0_3 = x_0[i1];
        const float mul_4 = rate_1_2 * x_0_3;
        const float sub_5 = weight_2_1 - mul_4;
        weight_2[i1] = sub_5;
    }
}

static void rl_program_steps(void *context, int thread, int threads)
{
    rl_call *const call = ((rl_job *)context)->call;
    float *const weight_2 = (float *)call->buffers[2];
    float *const rate_1 = (float *)call->buffers[1];
    float *const x_0 = (float *)call->buffers[0];

    /* mul, sub: 48 x 100 */
    kernel_1(weight_2, rate_1, x_0, rl_share(2, thread, threads),
        rl_share(2, thread + 1, threads));
}

__attribute__((visibility("default"))) int64_t rl_program(rl_call *call);
int64_t rl_program(rl_call *call)
{
    return rl_run_steps(call, rl_program_steps, call->threads);
}
