/* Numbers with blanks or commas between. */
static int answer_bytes(const char *text, size_t size)
{
    static model_number input[MODEL_BATCH * MODEL_INPUTS], output[MODEL_BATCH * MODEL_OUTPUTS];
    static char copy[(1 << 16) + 1];
    int count = 0;
    if (size >= sizeof copy)
        return complain("input", "is too long");
    memcpy(copy, text, size);
    copy[size] = '\0';
    for (size_t i = 0; i < size; i++)
        copy[i] = copy[i] == ',' || copy[i] == '\0' ? ' ' : copy[i];
    for (char *at = copy, *end;; at = end) {
        while (isspace((unsigned char)*at))
            at++;
        if (*at == '\0')
            break;
        const double number = strtod(at, &end);
        if (end == at || !(*end == '\0' || isspace((unsigned char)*end)))
            return complain(copy, "is not made of numbers");
        if (!isfinite(number))
            return complain(copy, "has a number that is not finite");
        if (count < MODEL_INPUTS)
            input[count] = (model_number)number;
        count++;
    }
    if (count != MODEL_INPUTS)
        return complain(copy, "the network takes " NUMBERS_WANTED);
    if (model_predict(input, output) != 0 || !are_finite(output))
        return complain(copy, "the network has no answer that is a number");
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
