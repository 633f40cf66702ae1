/* A signal is a CSV file: a line for each moment, with a number for each channel. */
static char content[64 * MODEL_INPUTS + 4096];

static int is_end(char c)
{
    return c == '\n' || c == '\r' || c == '\0';
}

static char *past_blanks(char *at)
{
    while (*at == ' ')
        at++;
    return at;
}

/* Reads the names above the columns, if there are any, and tells which channel each column is. */
static char *past_names(char *at, int *channel_of)
{
    int seen[SIGNAL_CHANNELS] = {0}, all = 1;
    char *end;
    for (int i = 0; i < SIGNAL_CHANNELS; i++)
        channel_of[i] = i;
    strtod(at, &end);
    if (end != at)
        return at;
    for (int i = 0; i < SIGNAL_CHANNELS && !is_end(*at); i++) {
        int found = -1;
        const size_t length = strcspn(at, ",;|\t\r\n");
        for (int j = 0; j < SIGNAL_CHANNELS; j++)
            if (strlen(channels[j]) == length && memcmp(at, channels[j], length) == 0)
                found = j;
        all = all && found >= 0 && !seen[found];
        if (all)
            seen[channel_of[i] = found] = 1;
        at += length;
        at += !is_end(*at);
    }
    for (int i = 0; i < SIGNAL_CHANNELS; i++)
        channel_of[i] = all && seen[i] ? channel_of[i] : i;
    return at + strcspn(at, "\n");
}

/* Turns the content of the file into a signal; returns what is wrong, or NULL. */
static const char *read_signal(model_number *input)
{
    int channel_of[SIGNAL_CHANNELS], moment = 0;
    char *at = past_names(content, channel_of), *end;
    for (;; moment++) {
        while (isspace((unsigned char)*at))
            at++;
        if (*at == '\0')
            break;
        for (int i = 0; i < SIGNAL_CHANNELS; i++) {
            at = past_blanks(at);
            const double number = is_end(*at) ? 0 : strtod(at, &end);
            if (is_end(*at) || end == at || !isfinite((float)number))
                return "has a line that is not made of " SIGNAL_NUMBERS;
            at = past_blanks(end);
            if (i == SIGNAL_CHANNELS - 1 ? !is_end(*at) : is_end(*at) || !strchr(",;|\t", *at))
                return "has a line that is not made of " SIGNAL_NUMBERS;
            at += !is_end(*at);
            if (moment < SIGNAL_LENGTH)
                input[channel_of[i] * SIGNAL_LENGTH + moment] = (model_number)number;
        }
    }
    return moment == SIGNAL_LENGTH ? NULL : "is not of " SIGNAL_LINES;
}

static int answer_file(const char *name, FILE *file)
{
    static model_number input[MODEL_BATCH * MODEL_INPUTS];
    const size_t size = fread(content, 1, sizeof content - 1, file);
    content[size] = '\0';
    if (ferror(file))
        return complain(name, "cannot be read");
    const char *wrong = size == sizeof content - 1 ? "is too large" : read_signal(input);
    return wrong ? complain(name, wrong) : answer_about(name, input);
}
