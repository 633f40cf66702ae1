"""Weights in a file beside the C, where there are too many to write them out."""

import hashlib
import re

from rushlight.export.binding import Held
from rushlight.export.code import Code, rounded
from rushlight.export.names import c_string, renamed

HEAD = 64  # bytes: what the file is, and a digest of what follows
_MAGIC = b"rushlight weights 1\n"


def blob_bytes(code: Code) -> bytes:
    """Return the file: a head, then every array where a multiple of 64 bytes begins."""
    parts = []
    for one in code.held:
        data = _little_endian(one)
        parts.append(data + bytes(rounded(len(data)) - len(data)))
    body = b"".join(parts)
    return _head(body) + body


def blob_text(code: Code) -> str:
    """Return the C that finds the arrays in the file, once it is loaded."""
    blob = blob_bytes(code)
    name = code.subject.name
    load = re.sub(r"(_?)model_(embedded|\.weights)", rf"\g<1>{name}_\2", _LOAD)
    load = renamed(load.replace(f"{name}_.weights", f"{name}.weights"), name)
    lines = [load.replace("HEAD", c_string(blob[:HEAD], "    "))]
    place = HEAD
    for one in code.held:
        where = f"({name}_blob + {place})"
        lines.append(f"/* {one.about} */")
        lines.append(f"#define {one.name} ((const {one.dtype.c} *){where})\n")
        place += rounded(len(_little_endian(one)))
    return "\n".join(lines)


def blob_size(code: Code) -> int:
    """Return how many bytes the file has."""
    return HEAD + sum(rounded(one.array.nbytes) for one in code.held)


def _little_endian(one: Held) -> bytes:
    array = one.array
    return array.astype(array.dtype.newbyteorder("<")).tobytes()


def _head(body: bytes) -> bytes:
    digest = hashlib.sha256(body).digest()
    return (_MAGIC + digest).ljust(HEAD, b"\0")


_LOAD = """\
#if __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "the file of weights is little-endian"
#endif

#ifdef MODEL_EMBED /* the file becomes a part of the object */
#ifdef __APPLE__
__asm__(".const_data\\n.balign 64\\n.private_extern _model_embedded\\n_model_embedded:\\n"
        ".incbin \\"model_.weights\\"\\n.text\\n");
#else
__asm__(".section .rodata\\n.balign 64\\n.globl model_embedded\\n.hidden model_embedded\\n"
        "model_embedded:\\n.incbin \\"model_.weights\\"\\n.previous\\n");
#endif
extern const char model_embedded[];
static const char *model_blob = model_embedded;
#else
static const char *model_blob;
#endif

static const char model_head[] =
    HEAD;

int model_load(const void *blob, int64_t size)
{
    if (size != MODEL_WEIGHTS || (uintptr_t)blob % 8 != 0)
        return 1;
    for (int i = 0; i < 64; i++)
        if (((const char *)blob)[i] != model_head[i])
            return 1;
    model_blob = blob;
    return 0;
}
"""
