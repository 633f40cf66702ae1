/* Reads the weights from the file that lies beside the program, unless they are part of it. */
static int load_weights(const char *program)
{
#ifdef MODEL_EMBED
    (void)program;
    return 0;
#else
    static char blob[MODEL_WEIGHTS] __attribute__((aligned(64)));
    static char path[4096];
    const char *slash = strrchr(program, '/');
    const int folder = slash ? (int)(slash + 1 - program) : 0;
    snprintf(path, sizeof path, "%.*s%s.weights", folder, program, MODEL_NAME);
    FILE *file = fopen(path, "rb");
    if (file == NULL)
        return complain(path, strerror(errno));
    const size_t size = fread(blob, 1, sizeof blob, file);
    const int has_more = fgetc(file) != EOF;
    fclose(file);
    if (has_more || model_load(blob, (int64_t)size) != 0)
        return complain(path, "is not the file of weights that was exported with this program");
    return 0;
#endif
}
