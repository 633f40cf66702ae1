/* rl_program: the graph forward. 1 kernel; 0 bytes for what lies between. */

/* kernel_1. matmul, add, exp: (4, 6) x (6, 8) to (4, 8) */
/* rows 4, columns 8, sums of 6 */
RL_INLINE void kernel_1_block(const float *left, const float *right,
    const float *x_2, float *result_3, const int64_t rows, const int64_t columns)
{
    for (int64_t row = 0; row < rows; row++) {
        float sums[8];
        RL_UNROLL
        for (int64_t column = 0; column < columns; column++)
            sums[column] = 0;
        for (int64_t inner = 0; inner < 6; inner++) {
            const float factor = left[row * 6 + inner];
            RL_UNROLL
            for (int64_t column = 0; column < columns; column++)
                sums[column] += factor * right[inner * 8 + column];
        }
        RL_UNROLL
        for (int64_t column = 0; column < columns; column++) {
            const float acc = sums[column];
            const float x_2_1 = x_2[column];
            const float add_2 = acc + x_2_1;
            const float exp_3 = rl_exp(add_2);
            result_3[row * 8 + column] = exp_3;
        }
    }
}

static void kernel_1(const float *left, const float *right, const float *x_2,
    float *result_3, char *scratch, int64_t first, int64_t last)
{
    (void)scratch;
    for (int64_t unit = first; unit < last; unit++) {
        RL_ONE_BY_ONE;
        kernel_1_block(left, right, x_2, result_3, 4, 8);
    }
}

static void rl_program_steps(void *context, int thread, int threads)
{
    rl_call *const call = ((rl_job *)context)->call;
    float *const x_0 = (float *)call->buffers[0];
    float *const x_1 = (float *)call->buffers[1];
    float *const x_2 = (float *)call->buffers[2];
    float *const result_3 = (float *)call->buffers[3];
    char *const scratch = call->arena + 0;

    /* matmul, add, exp: (4, 6) x (6, 8) to (4, 8) */
    if (thread == 0)
        kernel_1(x_0, x_1, x_2, result_3, scratch, 0, 1);
    (void)threads;
}

__attribute__((visibility("default"))) int64_t rl_program(rl_call *call);
int64_t rl_program(rl_call *call)
{
    return rl_run_steps(call, rl_program_steps, call->threads);
}
