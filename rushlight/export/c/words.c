/* A text in words: lower case, without punctuation, in any script, as in the training. */

enum { SPACE, LETTER, MARK, NOTHING, APOSTROPHE };
enum { SIGMA = 0x3A3, FINAL_SIGMA = 0x3C2 };

static struct {
    uint32_t codes[LONGEST_WORD]; /* of the word that is being read, decomposed */
    int length;
    int has_letter;    /* a word without one is no word */
    int is_unknown;    /* it has a character that no word of the vocabulary has, or too many */
    int64_t ids[MODEL_WORDS];
    int64_t count; /* of all words, which may be more */
    int64_t unknown;
} reading;

#define LENGTH(array) ((int)(sizeof(array) / sizeof(array)[0]))

static int in_ranges(const range *ranges, int count, uint32_t code)
{
    int low = 0, high = count;
    while (low < high) {
        const int middle = (low + high) / 2;
        if (code > ranges[middle].last)
            low = middle + 1;
        else
            high = middle;
    }
    return low < count && code >= ranges[low].first ? ranges[low].kind : 0;
}

static int kind_of(uint32_t code)
{
    return code == '\'' || code == 0x2019 ? APOSTROPHE : in_ranges(kinds, LENGTH(kinds), code);
}

/* Reads a character; a byte that is not UTF-8 is a blank. */
static uint32_t next_code(const char *text, size_t size, size_t *at)
{
    uint32_t code = ' ';
    const size_t length = decode(text + *at, size - *at, &code);
    *at += length ? length : 1;
    return length ? code : ' ';
}

enum { CASED = 1, LOOKED_PAST = 2 };

/* Returns whether a letter follows, but for what is looked past. */
static int cased_follows(const char *text, size_t size, size_t at)
{
    while (at < size) {
        const int context = in_ranges(contexts, LENGTH(contexts), next_code(text, size, &at));
        if (context != LOOKED_PAST)
            return context == CASED;
    }
    return 0;
}

/* Returns how the vocabulary spells a character; NULL where no word has it. */
static const spelling *spelling_of(uint32_t code)
{
    int low = 0, high = LENGTH(spellings);
    while (low < high) {
        const int middle = (low + high) / 2;
        if (code > spellings[middle].code)
            low = middle + 1;
        else
            high = middle;
    }
    return low < LENGTH(spellings) && code == spellings[low].code ? &spellings[low] : NULL;
}

/* Adds a character to the word; marks on one letter come in the order of their classes. */
static void add_code(uint32_t code, int order)
{
    int at = reading.length;
    if (at == LONGEST_WORD) {
        reading.is_unknown = 1;
        return;
    }
    for (; order > 0 && at > 0; at--) {
        const spelling *before = spelling_of(reading.codes[at - 1]);
        if (before == NULL || before->order <= order)
            break;
        reading.codes[at] = reading.codes[at - 1];
    }
    reading.codes[at] = code;
    reading.length++;
}

static void add_character(uint32_t code)
{
    const spelling *found = spelling_of(code);
    if (found == NULL) {
        reading.is_unknown = 1;
        reading.length += reading.length == 0; /* so that an apostrophe is inside of a word */
        return;
    }
    for (int i = 0; i < found->length; i++) {
        const spelling *part = spelling_of(found->codes[i]);
        add_code(found->codes[i], part ? part->order : 0);
    }
}

/* Writes the word as UTF-8, as the vocabulary has it. */
static void encode(char *to)
{
    for (int i = 0; i < reading.length; i++) {
        const uint32_t code = reading.codes[i];
        const int more = code < 0x80 ? 0 : code < 0x800 ? 1 : code < 0x10000 ? 2 : 3;
        static const uint32_t first[] = {0, 0xC0, 0xE0, 0xF0};
        *to++ = (char)(first[more] | code >> (6 * more));
        for (int left = more - 1; left >= 0; left--)
            *to++ = (char)(0x80 | (code >> (6 * left) & 0x3F));
    }
    *to = '\0';
}

static int compare_word(const void *key, const void *entry)
{
    return strcmp(key, ((const word *)entry)->text);
}

static void end_word(void)
{
    if (reading.has_letter) {
        const word *found = NULL;
        char text[4 * LONGEST_WORD + 1];
        if (!reading.is_unknown) {
            encode(text);
            found = bsearch(text, words, LENGTH(words), sizeof words[0], compare_word);
        }
        if (reading.count < MODEL_WORDS)
            reading.ids[reading.count] = found ? found->id : 0;
        reading.count++;
        reading.unknown += found == NULL;
    }
    reading.length = reading.has_letter = reading.is_unknown = 0;
}

static void read_words(const char *text, size_t size)
{
    int quoted = 0;    /* whether an apostrophe was last */
    int was_cased = 0; /* whether a letter with a case was last, but for what is looked past */
    memset(&reading, 0, sizeof reading);
    for (size_t at = 0; at < size;) {
        uint32_t code = next_code(text, size, &at);
        const int kind = kind_of(code), context = in_ranges(contexts, LENGTH(contexts), code);
        if (code == SIGMA && was_cased && !cased_follows(text, size, at))
            code = FINAL_SIGMA;
        if (context != LOOKED_PAST)
            was_cased = context == CASED;
        if (kind == SPACE || (kind == APOSTROPHE && quoted)) {
            end_word();
            quoted = 0;
        } else if (kind == APOSTROPHE) {
            quoted = 1;
        } else if (kind != NOTHING) {
            if (quoted && reading.length > 0)
                add_character('\'');
            quoted = 0;
            add_character(code);
            reading.has_letter |= kind == LETTER;
        }
    }
    end_word();
}

static size_t characters(const char *text, size_t size)
{
    size_t count = 0;
    for (size_t at = 0; at < size; count++) {
        uint32_t code;
        const size_t length = decode(text + at, size - at, &code);
        at += length ? length : 1;
    }
    return count;
}

static int answer_bytes(const char *text, size_t size)
{
    static float shares[MODEL_OUTPUTS];
    char note[100] = "";
    read_words(text, size);
    if (reading.count == 0)
        return complain("input", "there is no word in it; write a sentence");
    if (reading.count > MODEL_WORDS)
        return complain("input", "has more than " MOST_WORDS " words");
    if (reading.unknown == reading.count)
        snprintf(note, sizeof note, "none of these words was seen in training");
    else if (reading.unknown > 0)
        snprintf(note, sizeof note, "%d of %d words were not seen in training",
                 (int)reading.unknown, (int)reading.count);
    if (model_predict(reading.ids, reading.count, shares) != 0 || !are_finite(shares))
        return complain("input", "the network has no answer that is a number");
    if (as_json) {
        print_json_answer(text, size, shares, note);
        return 0;
    }
    const int best = best_of(shares);
    fwrite(text, 1, size, stdout);
    for (size_t wide = characters(text, size); wide < 30; wide++)
        putchar(' ');
    fputs(" \xE2\x86\x92 ", stdout);
    fwrite(labels[best].text, 1, labels[best].size, stdout);
    for (size_t wide = characters(labels[best].text, labels[best].size); wide < 5; wide++)
        putchar(' ');
    printf(" %5.1f%%", 100.0 * shares[best]);
    if (note[0] != '\0')
        printf("  (%s)", note);
    putchar('\n');
    return 0;
}
