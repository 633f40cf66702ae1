/* Takes some steps of training, and compares the losses. */
static int test_learning(void)
{
    enum { STEPS = sizeof model_expected_losses / sizeof model_expected_losses[0] };
    static model_state state;
    model_number losses[STEPS];
    model_start(&state);
    for (int i = 0; i < STEPS; i++)
        if (model_train(&state, MODEL_TEST_BATCH, MODEL_TEST_RATE, &losses[i]) != 0)
            return complain("test", "the training step refuses its test vector");
    return compare("training", losses, model_expected_losses, STEPS);
}
