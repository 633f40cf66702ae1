int main(int count, char **arguments)
{
    int first = 1, code = 0;
    for (; first < count && strncmp(arguments[first], "--", 2) == 0; first++) {
        const char *option = arguments[first];
        if (strcmp(option, "--") == 0) {
            first++;
            break;
        }
        if (strcmp(option, "--help") == 0) {
            fputs(help, stdout);
            return 0;
        }
        if (strcmp(option, "--test") == 0 && LOAD(arguments[0]) != 0)
            return 2;
        if (strcmp(option, "--test") == 0)
            return TEST;
        if (strcmp(option, "--json") != 0)
            return complain(option, "there is no such option; --help lists them");
        as_json = 1;
    }
    if (LOAD(arguments[0]) != 0)
        return 2;
    if (first >= count)
        code = answer_input();
    for (; first < count; first++)
        code = answer(arguments[first]) ? 2 : code;
    return fflush(stdout) == 0 ? code : complain("standard output", "cannot be written");
}
