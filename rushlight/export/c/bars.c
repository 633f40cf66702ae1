static void print_bars(const model_number *shares)
{
    static const char *const eighths[] = {"", "\xE2\x96\x8F", "\xE2\x96\x8E", "\xE2\x96\x8D",
        "\xE2\x96\x8C", "\xE2\x96\x8B", "\xE2\x96\x8A", "\xE2\x96\x89"};
    const int best = best_of(shares);
    for (int i = 0; i < MODEL_OUTPUTS; i++) {
        const int length = (int)rint(shares[i] * 40.0 * 8);
        printf("%c %s  %6.2f%%", i == best ? '>' : ' ', labels[i].shown, 100.0 * shares[i]);
        if (length > 0)
            fputs("  ", stdout);
        for (int block = 0; block < length / 8; block++)
            fputs("\xE2\x96\x88", stdout);
        puts(eighths[length % 8]);
    }
}

/* Asks the network about what was read of a file, and prints the answer. */
static int answer_about(const char *name, const model_number *input)
{
    static model_number shares[MODEL_BATCH * MODEL_OUTPUTS];
    if (model_predict(input, shares) != 0 || !are_finite(shares))
        return complain(name, "the network has no answer that is a number");
    if (as_json) {
        print_json_answer(name, strlen(name), shares, "");
    } else {
        printf("%s: ", name);
        fwrite(labels[best_of(shares)].text, 1, labels[best_of(shares)].size, stdout);
        putchar('\n');
        print_bars(shares);
    }
    return 0;
}
