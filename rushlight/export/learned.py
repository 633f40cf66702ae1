"""The C of learning: a struct of all that training changes, the step, and model files from it."""

import math

from rushlight.core.shapes import size_of
from rushlight.export.binding import Order
from rushlight.export.calls import LOADED, PADDING, arguments, entry, parameters
from rushlight.export.code import Code, Stored, Training
from rushlight.export.names import c_string, folded, renamed


def learned_header(code: Code) -> list[str]:
    """Return what the header tells of learning."""
    training = code.training
    if training is None:
        return []
    subject, program = training.learner.subject, training.program
    each = f" + {program.scratch} * MODEL_THREADS" if program.scratch else ""
    fields = [
        f"    {field.slot.dtype.c} {field.name}[{max(1, size_of(field.slot.shape))}]; "
        f"/* {field.about} */"
        for field in training.fields
    ]
    text = _HEADER.replace("FIELDS", "\n".join(fields)).replace("LOSS", _loss_type(training))
    text = text.replace("STEP", _step_parameters(training)).replace("ASK", parameters(code.subject))
    text = text.replace("@BATCH", str(subject.batch)).replace("@FILE", str(code.size))
    text = text.replace("@ARENA", f"{training.arena}{each}").replace("@LABELS", _labels(training))
    fails = "; 2 where no weights are loaded" if code.blob else ""
    text = text.replace("START_FAILS", fails)
    text = text.replace("@OPTIMIZER", type(training.learner.optimizer).__name__)
    return [text]


def learned_text(code: Code) -> str:
    """Return the functions that learn, and that answer by what was learned; nothing without."""
    training = code.training
    if training is None:
        return ""
    parts = [
        renamed(_COPY, code.subject.name),
        _start(code, training),
        _step(code, training),
        _asking(code, training),
        _keeping(code, training),
    ]
    return "\n".join(parts)


def _loss_type(training: Training) -> str:
    return next(s.dtype.c for s in training.program.slots if s.role == "result")


def _step_parameters(training: Training) -> str:
    buffers = [one.parameter for one in training.learner.subject.inputs]
    labels = training.learner.labels.parameter
    return ", ".join([*buffers, labels, "double rate", f"{_loss_type(training)} *loss"])


def _labels(training: Training) -> str:
    return "each from 0 to MODEL_OUTPUTS - 1" if training.learner.subject.labels else "numbers"


def _start(code: Code, training: Training) -> str:
    lines = [
        f"    __builtin_memcpy(state->{field.name}, {field.start}, sizeof state->{field.name});"
        for field in training.fields
        if field.start
    ]
    text = _START.replace("    LOADED\n", LOADED if code.blob else "")
    return renamed(text, code.subject.name).replace("COPIES", "\n".join(lines))


def _step(code: Code, training: Training) -> str:
    subject = training.learner.subject
    names = ", ".join([*(one.name for one in subject.inputs), "labels", "rate", "loss"])
    text = _STEP.replace("PARAMETERS", _step_parameters(training)).replace("ARGUMENTS", names)
    text = text.replace("BUFFERS", ", ".join(training.bound)).replace(
        "ENTRY", entry(training.program)
    )
    padding = PADDING.replace("MODEL_ARENA", "MODEL_TRAIN_ARENA")
    padding = (LOADED if code.blob else "") + (padding if subject.words else "")
    text = text.replace("    PREPARE\n", padding)
    return folded(renamed(text.replace("TAIL", str(training.tail)), code.subject.name))


def _asking(code: Code, training: Training) -> str:
    """Return the functions that answer by what was learned."""
    subject = code.subject
    prepare = LOADED if code.blob else ""
    prepare += PADDING.replace("TAIL", str(code.tail)) if subject.words else ""
    text = _ASK.replace("PARAMETERS", parameters(subject)).replace("ARGUMENTS", arguments(subject))
    text = text.replace("BUFFERS", ", ".join(training.asked)).replace("ENTRY", entry(code.program))
    return folded(renamed(text.replace("    PREPARE\n", prepare), subject.name))


def _keeping(code: Code, training: Training) -> str:
    """Return the functions that write and read model files."""
    name = code.subject.name
    lines = []
    for number, stored in enumerate(training.stored):
        row = _tensor_row(stored.array.shape, stored.dtype.itemsize, stored.order)
        lines.append(f"static const {name}_tensor {name}_stored_{number} = {row};")
    saves = [f"    {_saved(stored, i)}" for i, stored in enumerate(training.stored)]
    restores = [
        f"    model_read(&model_stored_{i}, (const char *)file + {stored.place}, "
        f"state->{stored.field.name});"
        for i, stored in enumerate(training.stored)
        if stored.field is not None
    ]
    text = _KEEP.replace("SAVES", "\n".join(saves)).replace("RESTORES", "\n".join(restores))
    text = text.replace("HEADER_SIZE", str(len(code.header)))
    return "\n".join(
        [
            *lines,
            "",
            f"static const char {name}_header[] =\n    {c_string(code.header, '    ')};\n",
            folded(renamed(text, name)),
        ]
    )


def _saved(stored: Stored, number: int) -> str:
    place = f"(char *)file + {stored.place}"
    memory = f"state->{stored.field.name}" if stored.field is not None else stored.held
    return f"model_write(&model_stored_{number}, {memory}, {place});"


def _tensor_row(shape: tuple[int, ...], itemsize: int, order: Order) -> str:
    """Return the C of how a tensor lies: count, item, axes, sizes, and steps in memory."""
    steps = [0] * len(shape)
    step = 1
    for axis in reversed(order):
        steps[axis] = step
        step *= shape[axis]
    sizes = ", ".join(map(str, shape)) or "1"
    shown = ", ".join(map(str, steps)) or "1"
    return f"{{{math.prod(shape)}, {itemsize}, {len(shape)}, {{{sizes}}}, {{{shown}}}}}"


_HEADER = """\
/* Learning. All that it changes is in memory of the caller's, which may be copied and kept. */
typedef struct model_state {
FIELDS
} model_state;

#define MODEL_TRAIN_BATCH @BATCH /* inputs of a step */
#define MODEL_TRAIN_ARENA (@ARENA) /* bytes of memory for one step */
#define MODEL_FILE @FILE /* bytes of a model file */

/* Begin with the weights as they were exported. Returns 0START_FAILS. */
int model_start(model_state *state);

/* One step of @OPTIMIZER on MODEL_TRAIN_BATCH inputs and labels.
   Labels are @LABELS; `rate` is the learning rate.
   Returns 0 and the mean loss before the step; or another number, with nothing changed, where a
   label or an input is out of range. From one thread at a time. */
int model_train(model_state *state, STEP);

/* The same in MODEL_TRAIN_ARENA bytes of the caller's, aligned to 64. */
int model_train_in(void *arena, model_state *state, STEP);

/* Ask the network by what it has learned. */
int model_predict_with(const model_state *state, ASK);

/* The same in MODEL_ARENA bytes of the caller's, aligned to 64. */
int model_predict_with_in(void *arena, const model_state *state, ASK);

/* Write what was learned as a model file of MODEL_FILE bytes, which Rushlight loads as any other.
   What the optimiser remembers is not in it; whoever wants to keep that keeps the struct. */
void model_save(const model_state *state, void *file);

/* Go on from such a file, or from the one that was exported. Returns 0; or another number, with
   nothing changed, where it is another file. */
int model_restore(model_state *state, const void *file, int64_t size);

/* sizeof(model_state) and MODEL_FILE, for callers that cannot read this header. */
int64_t model_state_size(void);
int64_t model_file_size(void);
"""

_COPY = """\
#if __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "model files are little-endian"
#endif

/* How a tensor lies in memory: how many elements of how many bytes, and of each axis its size and
   how many elements on its next one lies. Files have the last axis innermost. */
typedef struct {
    int64_t count, item, axes, sizes[8], steps[8];
} model_tensor;

static int64_t model_place(const model_tensor *tensor, int64_t index)
{
    int64_t place = 0;
    for (int64_t axis = tensor->axes - 1; axis >= 0; axis--) {
        place += index % tensor->sizes[axis] * tensor->steps[axis];
        index /= tensor->sizes[axis];
    }
    return place * tensor->item;
}

static void model_copy_bytes(char *to, const char *from, int64_t count)
{
    for (int64_t i = 0; i < count; i++)
        to[i] = from[i];
}
"""

_START = """\
int model_start(model_state *state)
{
    LOADED
    __builtin_memset(state, 0, sizeof *state);
COPIES
    return 0;
}
"""

_STEP = """\
int model_train_in(void *arena, model_state *state, PARAMETERS)
{
    PREPARE
    const void *const buffers[] = {BUFFERS};
    return model_run(ENTRY, buffers, arena);
}

int model_train(model_state *state, PARAMETERS)
{
    static char arena[MODEL_TRAIN_ARENA] __attribute__((aligned(64)));
    return model_train_in(arena, state, ARGUMENTS);
}
"""

_ASK = """\
int model_predict_with_in(void *arena, const model_state *state, PARAMETERS)
{
    PREPARE
    const void *const buffers[] = {BUFFERS};
    return model_run(ENTRY, buffers, arena);
}

int model_predict_with(const model_state *state, PARAMETERS)
{
    static char arena[MODEL_ARENA] __attribute__((aligned(64)));
    return model_predict_with_in(arena, state, ARGUMENTS);
}
"""

_KEEP = """\
static void model_write(const model_tensor *tensor, const void *memory, char *file)
{
    for (int64_t i = 0; i < tensor->count; i++)
        model_copy_bytes(file + i * tensor->item,
                         (const char *)memory + model_place(tensor, i), tensor->item);
}

static void model_read(const model_tensor *tensor, const char *file, void *memory)
{
    for (int64_t i = 0; i < tensor->count; i++)
        model_copy_bytes((char *)memory + model_place(tensor, i), file + i * tensor->item,
                         tensor->item);
}

void model_save(const model_state *state, void *file)
{
    model_copy_bytes(file, model_header, HEADER_SIZE);
SAVES
}

int model_restore(model_state *state, const void *file, int64_t size)
{
    if (size != MODEL_FILE)
        return 1;
    for (int64_t i = 0; i < HEADER_SIZE; i++)
        if (((const char *)file)[i] != model_header[i])
            return 1;
    if (model_start(state) != 0)
        return 2;
RESTORES
    return 0;
}

int64_t model_state_size(void)
{
    return (int64_t)sizeof(model_state);
}

int64_t model_file_size(void)
{
    return MODEL_FILE;
}
"""
