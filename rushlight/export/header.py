"""The header of an exported model: its functions, and all that it takes to call them rightly."""

import math

from rushlight._version import __version__
from rushlight.export.blob import blob_size
from rushlight.export.calls import parameters
from rushlight.export.code import Code
from rushlight.export.learned import learned_header
from rushlight.export.names import comment, folded, harmless, renamed
from rushlight.export.subject import Subject


def header_text(code: Code) -> str:
    """Return the header of an exported model."""
    subject = code.subject
    about = f"{subject.name}: {_about(code)}"
    lines = [
        "#ifndef MODEL_H",
        "#define MODEL_H",
        "",
        "#include <stdint.h>",
        "",
        *_sizes(code),
        "",
        "#ifdef __cplusplus",
        'extern "C" {',
        "#endif",
        "",
        *([_LOAD] if code.blob else []),
        _PREDICT.replace("PARAMETERS", parameters(subject)).replace("FAILS", _fails(code)),
    ]
    if subject.labels:
        lines += ["/* What each output stands for. */", "extern const char *const"]
        lines[-1] += " model_labels[MODEL_OUTPUTS];\n"
    lines.append("/* Returns what is to be known of the network, as JSON. */")
    lines.append("const char *model_describe(void);\n")
    lines += learned_header(code)
    lines += ["#ifdef __cplusplus", "}", "#endif", "", "#endif", ""]
    text = folded(renamed("\n".join(lines), subject.name)).replace("_.weights", ".weights")
    return f"{comment(about)}\n{text}"


def _sizes(code: Code) -> list[str]:
    subject = code.subject
    scratch = code.program.scratch
    each = f" + {scratch} * MODEL_THREADS" if scratch else ""
    lines = [
        "#ifndef MODEL_THREADS",
        "#define MODEL_THREADS 1 /* -DMODEL_THREADS=4 -pthread: as many work on one call */",
        "#endif",
        "",
        f"#define MODEL_BATCH {subject.batch} /* inputs of a call */",
    ]
    if subject.words:
        lines.append(f"#define MODEL_WORDS {subject.words} /* of a text, at most */")
        ids = len(subject.task["vocabulary"])
        lines.append(f"#define MODEL_IDS {ids} /* that a word can have */")
    else:
        each_input = math.prod(subject.inputs[0].shape[1:])
        lines.append(f"#define MODEL_INPUTS {each_input} /* numbers of one input */")
    outputs = math.prod(subject.output.shape[1:])
    lines.append(f"#define MODEL_OUTPUTS {outputs} /* numbers of one answer */")
    if subject.kind == "image-classifier":
        scale = f"{subject.task['scale']!r}f"
        lines.append(f"#define MODEL_SCALE {scale} /* input = pixel from 0 to 255 * this */")
    if code.blob:
        lines.append(f"#define MODEL_WEIGHTS {blob_size(code)} /* bytes of the file of weights */")
    size = max(64, code.arena)
    lines.append(f"#define MODEL_ARENA ({size}{each}) /* bytes of memory for one call */")
    return lines


def _about(code: Code) -> str:
    subject = code.subject
    of = {
        "text-classifier": "a text classifier",
        "image-classifier": "a classifier of pictures",
        "signal-classifier": "a classifier of signals",
        "number-classifier": "a classifier of rows of numbers",
        "regressor": "a network from numbers to numbers",
    }[subject.kind]
    memory = max(64, code.arena) + code.program.scratch
    lines = [
        f"{of}, exported by Rushlight {__version__} from {harmless(subject.title)}.",
        "",
        *_input_lines(subject),
        f"Output: {_shape(subject.output.shape)} {subject.output.dtype.c}, {_meaning(subject)}.",
        "",
        f"{code.parameters:,} parameters; {memory:,} bytes of memory for a call; no malloc, no "
        "input or output, of the C library math.h alone.",
    ]
    return "\n".join(lines)


def _input_lines(subject: Subject) -> list[str]:
    if subject.words:
        return [
            f"Input: the ids of the {subject.words} words of a text or fewer, int64_t, and their "
            "count. Id 0 stands for every word that is not known. Words are in lower case, without "
            "punctuation, and have the ids of their places in the vocabulary of the model file."
        ]
    (one,) = subject.inputs
    if subject.kind == "image-classifier":
        return [
            f"Input: {_shape(one.shape)} {one.dtype.c}, pixels in rows from the top left corner, "
            f"each from 0 to 255 and multiplied by {subject.task['scale']!r}; as the network was "
            "trained, digits are light on dark."
        ]
    if subject.kind == "signal-classifier":
        names = harmless(", ".join(subject.task["channels"]))
        return [
            f"Input: {_shape(one.shape)} {one.dtype.c}, the channels {names} one after another, "
            "each from its first moment to its last."
        ]
    return [f"Input: {_shape(one.shape)} {one.dtype.c}."]


def _meaning(subject: Subject) -> str:
    if not subject.labels:
        return "the values"
    return "the probability of each label, which add up to 1"


def _shape(shape: tuple[int, ...]) -> str:
    return " x ".join(map(str, shape))


def _fails(code: Code) -> str:
    unloaded = "; 2 where no weights are loaded" if code.blob else ""
    if code.subject.words:
        return (
            "Returns 0; 1 where there is no word, or more than MODEL_WORDS,\n"
            f"   or an id that is not from 0 to MODEL_IDS - 1{unloaded}."
        )
    return f"Returns 0{unloaded}."


_LOAD = """\
/* Give the network its weights: all that is in model_.weights, aligned to 8 bytes or better, which
   must stay there. Returns 0; 1 where it is another file. Not needed with -DMODEL_EMBED, which
   makes the file a part of the object. */
int model_load(const void *blob, int64_t size);
"""

_PREDICT = """\
/* Ask the network. FAILS
   From one thread at a time: it works in memory of its own. */
int model_predict(PARAMETERS);

/* The same in MODEL_ARENA bytes of the caller's, aligned to 64: from any thread at any time. */
int model_predict_in(void *arena, PARAMETERS);
"""
