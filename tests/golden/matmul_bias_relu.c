/* rl_program: the graph layer. 1 kernel; 0 bytes for what lies between. */

/* kernel_1. matmul, add, relu: (64, 100) x (100, 48) to (64, 48) */
/* rows 64, columns 48, sums of 100 */
enum {
    kernel_1_rows = RL_REGISTERS == 32 ? 8 : 4,
    kernel_1_vectors = 2,
    kernel_1_width = kernel_1_vectors * RL_LANES,
};

RL_INLINE void kernel_1_tile(const float *left, const float *right,
    const float *x_2, float *result_3, const int64_t rows, const int64_t columns)
{
    const int64_t vectors = (columns + RL_LANES - 1) / RL_LANES;
    rl_vec sums[kernel_1_rows][kernel_1_vectors];
    RL_UNROLL
    for (int64_t row = 0; row < rows; row++)
        RL_UNROLL
        for (int64_t vec = 0; vec < vectors; vec++)
            sums[row][vec] = rl_splat(0);
    for (int64_t inner = 0; inner < 100; inner++) {
        rl_vec across[kernel_1_vectors];
        RL_UNROLL
        for (int64_t vec = 0; vec < vectors; vec++) {
            across[vec] = rl_load(right + inner * 48 + vec * RL_LANES);
            RL_KEEP(across[vec]);
        }
        RL_UNROLL
        for (int64_t row = 0; row < rows; row++) {
            const float factor = left[row * 100 + inner];
            RL_UNROLL
            for (int64_t vec = 0; vec < vectors; vec++)
                sums[row][vec] += factor * across[vec];
        }
    }
    float done[kernel_1_rows][kernel_1_width] __attribute__((aligned(64)));
    RL_UNROLL
    for (int64_t row = 0; row < rows; row++)
        RL_UNROLL
        for (int64_t vec = 0; vec < vectors; vec++)
            rl_store(done[row] + vec * RL_LANES, sums[row][vec]);
    for (int64_t row = 0; row < rows; row++) {
        RL_APART
        for (int64_t column = 0; column < columns; column++) {
            const float acc = done[row][column];
            const float x_2_1 = x_2[column];
            const float add_2 = acc + x_2_1;
            const float relu_3 = rl_relu(add_2);
            result_3[row * 48 + column] = relu_3;
        }
    }
}

RL_INLINE void kernel_1_strip(const float *left, const float *right,
    const float *x_2, float *result_3, const int64_t rows, const int64_t columns)
{
    int64_t row = 0;
    for (; row + kernel_1_rows <= rows; row += kernel_1_rows)
        kernel_1_tile(left + row * 100, right, x_2, result_3 + row * 48, kernel_1_rows,
            columns);
}

static void kernel_1(const float *left, const float *right, const float *x_2,
    float *result_3, char *scratch, int64_t first, int64_t last)
{
    (void)scratch;
    for (int64_t unit = first; unit < last; unit++) {
        RL_ONE_BY_ONE;
        const int64_t start = unit / 8 * 32;
        const int64_t top = unit % 8 * 8;
        const int64_t columns = start + 32 <= 48 ? 32 : 48 - start;
        int64_t column = 0;
        for (; column + kernel_1_width <= columns; column += kernel_1_width)
            kernel_1_strip(left + top * 100, right + start + column, x_2 + start + column,
                result_3 + start + top * 48 + column, 8, kernel_1_width);
        if (column < columns)
            kernel_1_strip(left + top * 100, right + start + column, x_2 + start + column,
                result_3 + start + top * 48 + column, 8, 48 % kernel_1_width);
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

    /* matmul, add, relu: (64, 100) x (100, 48) to (64, 48) */
    kernel_1(x_0, x_1, x_2, result_3, scratch, rl_share(16, thread, threads),
        rl_share(16, thread + 1, threads));
}

__attribute__((visibility("default"))) int64_t rl_program(rl_call *call);
int64_t rl_program(rl_call *call)
{
    return rl_run_steps(call, rl_program_steps, call->threads);
}
