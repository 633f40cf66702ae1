static char asked[(1 << 16) + 1]; /* with blanks alone between the numbers */

/* Reads numbers with blanks or commas between. */
static int read_numbers(const char *text, size_t size, model_number *input)
{
    int count = 0;
    if (size >= sizeof asked)
        return complain("input", "is too long");
    memcpy(asked, text, size);
    asked[size] = '\0';
    for (size_t i = 0; i < size; i++)
        asked[i] = asked[i] == ',' || asked[i] == '\0' ? ' ' : asked[i];
    for (char *at = asked, *end;; at = end) {
        while (isspace((unsigned char)*at))
            at++;
        if (*at == '\0')
            break;
        const double number = strtod(at, &end);
        if (end == at || !(*end == '\0' || isspace((unsigned char)*end)))
            return complain(asked, "is not made of numbers");
        if (!isfinite(number))
            return complain(asked, "has a number that is not finite");
        if (count < MODEL_INPUTS)
            input[count] = (model_number)number;
        count++;
    }
    if (count != MODEL_INPUTS)
        return complain(asked, "the network takes " NUMBERS_WANTED);
    return 0;
}
