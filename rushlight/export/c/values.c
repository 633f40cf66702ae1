static int answer_bytes(const char *text, size_t size)
{
    static model_number input[MODEL_BATCH * MODEL_INPUTS], output[MODEL_BATCH * MODEL_OUTPUTS];
    const int wrong = read_numbers(text, size, input);
    if (wrong)
        return wrong;
    if (model_predict(input, output) != 0 || !are_finite(output))
        return complain(asked, "the network has no answer that is a number");
    if (as_json) {
        fputs("{\"input\": ", stdout);
        print_json(text, size);
        fputs(", \"notes\": [], \"values\": [", stdout);
        for (int i = 0; i < MODEL_OUTPUTS; i++) {
            fputs(i ? ", " : "", stdout);
            print_number(output[i]);
        }
        puts("]}");
        return 0;
    }
    fwrite(text, 1, size, stdout);
    fputs(" \xE2\x86\x92", stdout);
    for (int i = 0; i < MODEL_OUTPUTS; i++)
        printf(" %.4f", (double)output[i]);
    putchar('\n');
    return 0;
}
