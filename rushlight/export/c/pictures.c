/* A picture is read whole, its pixels as bytes: a PGM file of the right size, or just the bytes. */
static unsigned char content[16 * MODEL_INPUTS + 4096];

/* Reads a number of a PGM file, after blanks and comments; returns -1 where there is none. */
static long pgm_number(size_t size, size_t *at)
{
    long number = 0;
    while (*at < size && (isspace(content[*at]) || content[*at] == '#')) {
        if (content[*at] == '#')
            while (*at < size && content[*at] != '\n')
                ++*at;
        else
            ++*at;
    }
    if (*at >= size || !isdigit(content[*at]))
        return -1;
    for (; *at < size && isdigit(content[*at]); ++*at)
        number = number < 100000 ? 10 * number + content[*at] - '0' : number;
    return number;
}

/* Turns the content of a PGM file into its pixels, from 0 to 255; returns what is wrong, or NULL. */
static const char *pgm_pixels(size_t size, float *pixels)
{
    size_t at = 2;
    const int is_text = content[1] == '2';
    const long width = pgm_number(size, &at), height = pgm_number(size, &at);
    const long white = pgm_number(size, &at);
    if (width < 1 || height < 1 || white < 1)
        return "is a broken PGM file";
    if (white > 255)
        return "has more than 8 bits a pixel";
    if (width != PICTURE_WIDTH || height != PICTURE_HEIGHT)
        return "is not of " PICTURE_SIZE " pixels";
    at++; /* the one blank after the header */
    if (!is_text && (at > size || size - at < MODEL_INPUTS))
        return "ends too early";
    for (int i = 0; i < MODEL_INPUTS; i++) {
        const long pixel = is_text ? pgm_number(size, &at) : content[at + (size_t)i];
        if (pixel < 0 || pixel > white)
            return is_text && pixel < 0 ? "ends too early" : "has a pixel that is out of range";
        pixels[i] = white == 255 ? (float)pixel : roundf((float)pixel * 255 / (float)white);
    }
    return NULL;
}

static int answer_file(const char *name, FILE *file)
{
    static model_number input[MODEL_BATCH * MODEL_INPUTS];
    const char *wrong = NULL;
    const size_t size = fread(content, 1, sizeof content, file);
    if (ferror(file))
        return complain(name, "cannot be read");
    if (size == MODEL_INPUTS)
        for (int i = 0; i < MODEL_INPUTS; i++)
            input[i] = content[i];
    else if (PICTURE_WIDTH && size > 2 && content[0] == 'P' && strchr("25", content[1]))
        wrong = size == sizeof content ? "is too large" : pgm_pixels(size, input);
    else
        wrong = "is no picture that can be read: " PICTURE_KINDS;
    if (wrong)
        return complain(name, wrong);
    for (int i = 0; i < MODEL_INPUTS; i++)
        input[i] *= MODEL_SCALE;
    return answer_about(name, input);
}
