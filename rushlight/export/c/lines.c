/* Answers standard input line by line. */
static int answer_input(void)
{
    static char line[1 << 16];
    int code = 0, last = 0;
    while (last != EOF) {
        size_t size = 0, total = 0;
        while ((last = getchar()) != EOF && last != '\n') {
            total++;
            if (size < sizeof line)
                line[size++] = (char)last;
        }
        while (size > 0 && isspace((unsigned char)line[size - 1]))
            size--;
        if (total > sizeof line)
            code = complain("standard input", "there is a line of more than 65536 bytes");
        else if (size > 0)
            code = answer_bytes(line, size) ? 2 : code;
    }
    return ferror(stdin) ? complain("standard input", "cannot be read") : code;
}

static int answer(const char *text)
{
    return answer_bytes(text, strlen(text));
}
