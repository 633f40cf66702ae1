static int answer_bytes(const char *text, size_t size)
{
    static model_number input[MODEL_BATCH * MODEL_INPUTS];
    static char name[(1 << 16) + 1];
    const int wrong = read_numbers(text, size, input);
    if (wrong)
        return wrong;
    for (size_t i = 0; i < size; i++)
        name[i] = text[i] == '\0' ? ' ' : text[i];
    name[size] = '\0';
    return answer_about(name, input);
}
