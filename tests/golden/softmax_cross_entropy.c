/* rl_program: the graph loss. 2 kernels; 256 bytes for what lies between. */

/* kernel_1. max, sub, exp, sum, scatter_add, div, mul, add: 32 x 10 */
static void kernel_1(const float *restrict x_0, float *restrict max_4,
    float *restrict sum_7, const int64_t *restrict x_1, float *restrict result_3,
    int64_t first, int64_t last, rl_call *call)
{
    const int64_t end = last * 384 < 32 ? last * 384 : 32;
    for (int64_t i0 = first * 384; i0 < end; i0++) {
        const float x_0_1 = x_0[i0 * 10];
        float max_2 = x_0_1;
        for (int64_t i1 = 0; i1 < 10; i1++) {
            const float x_0_3 = x_0[i0 * 10 + i1];
            max_2 = rl_max(x_0_3, max_2);
        }
        max_4[i0] = max_2;
        float row_7[10];
        float sum_8 = 0;
        for (int64_t i1 = 0; i1 < 10; i1++) {
            const float x_0_4 = x_0[i0 * 10 + i1];
            const float sub_5 = x_0_4 - max_2;
            const float exp_6 = rl_exp(sub_5);
            row_7[i1] = exp_6;
            sum_8 = sum_8 + exp_6;
        }
        sum_7[i0] = sum_8;
        const int64_t x_1_9 = x_1[i0];
        const int64_t at_10 = rl_index(call, 10, (int64_t)x_1_9, 10);
        const float div_12 = 0.03125f / sum_8;
        for (int64_t i1 = 0; i1 < 10; i1++) {
            const float scatter_add_11 = at_10 == i1 ? (-0.03125f) : 0;
            const float mul_13 = div_12 * row_7[i1];
            const float add_14 = scatter_add_11 + mul_13;
            result_3[i0 * 10 + i1] = add_14;
        }
    }
}

/* kernel_2. sub, log, gather, mean: 32 */
static void kernel_2(const float *restrict sum_7, const int64_t *restrict x_1,
    const float *restrict x_0, const float *restrict max_4,
    float *restrict result_2, int64_t first, int64_t last, rl_call *call)
{
    if (first < last) {
        float mean_1_lanes[16];
        for (int64_t lane = 0; lane < 16; lane++)
            mean_1_lanes[lane] = 0;
        for (int64_t base = 0; base < 32; base += 16) {
            for (int64_t lane = 0; lane < 16; lane++) {
                const int64_t i0 = base + lane;
                const float sum_7_2 = sum_7[i0];
                const float log_3 = rl_log(sum_7_2);
                const int64_t x_1_4 = x_1[i0];
                const int64_t at_5 = rl_index(call, 6, (int64_t)x_1_4, 10);
                const float x_0_6 = x_0[i0 * 10 + at_5];
                const float max_4_7 = max_4[i0];
                const float sub_8 = x_0_6 - max_4_7;
                const float sub_9 = log_3 - sub_8;
                mean_1_lanes[lane] = mean_1_lanes[lane] + sub_9;
            }
        }
        for (int64_t half = 8; half > 0; half /= 2)
            for (int64_t lane = 0; lane < half; lane++)
                mean_1_lanes[lane] = mean_1_lanes[lane] + mean_1_lanes[lane + half];
        const float mean_1 = mean_1_lanes[0];
        const float mean_1_10 = mean_1 * 0.03125f;
        result_2[0] = mean_1_10;
    }
}

static void rl_program_steps(void *context, int thread, int threads)
{
    rl_call *const call = ((rl_job *)context)->call;
    float *const x_0 = (float *)call->buffers[0];
    float *const max_4 = (float *)(call->arena + 0);
    float *const sum_7 = (float *)(call->arena + 128);
    int64_t *const x_1 = (int64_t *)call->buffers[1];
    float *const result_3 = (float *)call->buffers[3];
    float *const result_2 = (float *)call->buffers[2];

    /* max, sub, exp, sum, scatter_add, div, mul, add: 32 x 10 */
    if (thread == 0)
        kernel_1(x_0, max_4, sum_7, x_1, result_3, 0, 1, call);

    /* sub, log, gather, mean: 32 */
    if (thread == 0)
        kernel_2(sum_7, x_1, x_0, max_4, result_2, 0, 1, call);
    (void)threads;
}

__attribute__((visibility("default"))) int64_t rl_program(rl_call *call);
int64_t rl_program(rl_call *call)
{
    return rl_run_steps(call, rl_program_steps, call->threads);
}
