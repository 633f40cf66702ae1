static int best_of(const model_number *shares)
{
    int best = 0;
    for (int i = 1; i < MODEL_OUTPUTS; i++)
        best = shares[i] > shares[best] ? i : best;
    return best;
}

static void print_json_answer(const char *given, size_t size, const model_number *shares,
                              const char *note)
{
    fputs("{\"input\": ", stdout);
    print_json(given, size);
    printf(", \"label\": %s, \"notes\": [", labels[best_of(shares)].json);
    if (note[0] != '\0')
        print_json(note, strlen(note));
    fputs("], \"probabilities\": {", stdout);
    for (int i = 0; i < MODEL_OUTPUTS; i++) {
        printf("%s%s: ", i ? ", " : "", labels[i].json);
        print_number(shares[i]);
    }
    puts("}}");
}
