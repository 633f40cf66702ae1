static int as_json;

/* Says in one line what is wrong with an input, or with all where there is none; returns 2. */
static int complain(const char *about, const char *fact)
{
    fputs(MODEL_NAME ": ", stderr);
    for (; *about != '\0'; about++)
        fputc((unsigned char)*about < 32 || *about == 127 ? '?' : *about, stderr);
    fprintf(stderr, ": %s\n", fact);
    return 2;
}

/* Prints a number with as many digits as it takes to read the same one back. */
static void print_number(model_number x)
{
    char text[40];
    for (int digits = 6; digits < 18; digits++) {
        snprintf(text, sizeof text, "%.*g", digits, (double)x);
        if ((model_number)strtod(text, NULL) == x)
            break;
    }
    fputs(text, stdout);
}

/* Returns how many bytes the UTF-8 character at `text` has, and which it is; 0 if it is none. */
static size_t decode(const char *text, size_t size, uint32_t *code)
{
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    const unsigned char *bytes = (const unsigned char *)text;
    const size_t length = bytes[0] < 0x80 ? 1 : bytes[0] < 0xC0 ? 0 : bytes[0] < 0xE0 ? 2
                          : bytes[0] < 0xF0 ? 3 : bytes[0] < 0xF8 ? 4 : 0;
    if (length == 0 || length > size)
        return 0;
    *code = length == 1 ? bytes[0] : bytes[0] & (0xFFu >> (length + 1));
    for (size_t i = 1; i < length; i++) {
        if ((bytes[i] & 0xC0) != 0x80)
            return 0;
        *code = *code << 6 | (bytes[i] & 0x3Fu);
    }
    if (*code < least[length] || *code > 0x10FFFF || (*code >= 0xD800 && *code < 0xE000))
        return 0;
    return length;
}

/* Prints bytes as a JSON string; a byte that is not UTF-8 becomes the surrogate that Python has. */
static void print_json(const char *text, size_t size)
{
    putchar('"');
    for (size_t at = 0; at < size;) {
        uint32_t code;
        const size_t length = decode(text + at, size - at, &code);
        if (length == 0)
            printf("\\udc%02x", (unsigned char)text[at]);
        else if (code == '"' || code == '\\')
            printf("\\%c", (char)code);
        else if (code < 32 || code == 127)
            printf("\\u%04x", code);
        else
            fwrite(text + at, 1, length, stdout);
        at += length ? length : 1;
    }
    putchar('"');
}

static int are_finite(const model_number *numbers)
{
    for (int i = 0; i < MODEL_OUTPUTS; i++)
        if (!isfinite((double)numbers[i]))
            return 0;
    return 1;
}

/* Compares numbers to what they were when this was exported; returns 1 where they are wrong. */
static int compare(const char *what, const model_number *found, const model_number *expected,
                   int count)
{
    double worst = 0, largest = 0;
    for (int i = 0; i < count; i++) {
        const double error = fabs((double)found[i] - (double)expected[i]);
        worst = error > worst || isnan(error) ? error : worst;
        largest = fmax(largest, fabs((double)expected[i]));
    }
    if (!(worst <= 1e-4 * largest)) {
        printf("%s: wrong by %g\n", what, worst);
        return 1;
    }
    if (memcmp(found, expected, (size_t)count * sizeof *found) == 0)
        printf("%s: the same bits as when it was exported\n", what);
    else
        printf("%s: right to %g\n", what, worst);
    return 0;
}

static int test(void)
{
    static model_number found[MODEL_BATCH * MODEL_OUTPUTS];
    if (model_predict(MODEL_TEST_INPUT, found) != 0)
        return complain("test", "the network refuses its test vector");
    return compare("test", found, model_expected, MODEL_BATCH * MODEL_OUTPUTS);
}
