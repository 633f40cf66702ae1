/* What is asked about are files; standard input is one, too. */
static int answer(const char *name)
{
    FILE *file = fopen(name, "rb");
    if (file == NULL)
        return complain(name, strerror(errno));
    const int code = answer_file(name, file);
    fclose(file);
    return code;
}

static int answer_input(void)
{
    return answer_file("standard input", stdin);
}
