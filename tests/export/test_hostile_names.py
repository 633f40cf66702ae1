"""Names in models cannot reach the C as code, whatever they are; labels are printed exactly."""

import json
import re
import subprocess
import unicodedata

import numpy as np
import pytest

import rushlight as rl
from rushlight.export.write import export_model
from tests.export.conftest import WARNINGS, own, program, run

HOSTILE = [
    '"; int EVIL = system("EVIL"); "',
    "'; int EVIL; '",
    "*/ int EVIL; /*",
    "/* EVIL",
    "// EVIL",
    "\\",
    "\\\\",
    "EVIL\\",
    "\n#define EVIL 1\n",
    "\r\n#error EVIL\r\n",
    "\n#include <EVIL.h>",
    "\v\f#pragma EVIL",
    "\0EVIL",
    "EVIL\0",
    "??/\nint EVIL;",
    '??/"EVIL',
    "??=define EVIL",
    "%s%n%d%%EVIL",
    "%",
    "{EVIL}",
    "}; int EVIL[] = {",
    "\\x41\\101\\n\\0EVIL",
    "\\u0022EVIL",
    "\u202e\u2066EVIL\u2069",
    "\u2028int EVIL;",
    "\u200b\ufeff",
    "é漢字🎉",
    "e\u0301",
    "\x1b[31mEVIL\x07",
    "\x7f\x80\x9f",
    "",
    " ",
    "int",
    "main",
    "model_EVIL",
    "MODEL_EVIL",
    "rl_call",
    "__LINE__EVIL",
    "PARAMETERS BUFFERS ENTRY ARGUMENTS FACTS TAIL POOL HEAD EVIL",
    "@NAME@ @OUTPUTS@EVIL",
    "x" * 300,
    "*/" * 150,
    "-DEVIL=1 $(EVIL) `EVIL` ; EVIL",
    "../EVIL",
]
IDS = [f"{number}-{ascii(text)[1:13]}" for number, text in enumerate(HOSTILE)]
LAYERS = [  # the names that a file can hold for a tensor
    text
    for text in HOSTILE
    if text and ".." not in text and not any(unicodedata.category(c) == "Cc" for c in text)
]
RESERVED = ["main", "int", "stdio", "math", "json", "class", "rl", "rl_call", "test", "numpy"]


class Net(rl.nn.Module):
    """Layers by names."""

    def __init__(self, name):
        self.layers = {name: rl.nn.Linear(4, 4), "last": rl.nn.Linear(4, 2)}

    def forward(self, x):
        for layer in self.layers.values():
            x = layer(x)
        return x


def saved(folder, name, label, layer):
    """Save a model with names; it is always for its first label."""
    rl.manual_seed(0)
    net = Net(layer)
    net.layers["last"].bias.assign(rl.tensor([9.0, 0.0]))
    task = {"kind": "image-classifier", "labels": [label, "other"], "shape": [4], "scale": 1.0}
    path = folder / f"{name}.safetensors"
    rl.save(path, net, task=task, example=rl.zeros(1, 4))
    return path


def code_of(folder):
    """Return the C after the preprocessor, without its strings: only code is left."""
    texts = []
    for file in folder.glob("*.c"):
        text = run(own()[0][0], "-E", "-P", file.name, cwd=folder).decode(errors="replace")
        texts.append(re.sub(r'"(\\.|[^"\\])*"', "", text))
    return "\n".join(texts)


@pytest.mark.parametrize("hostile", HOSTILE, ids=IDS)
def test_a_hostile_label_is_printed_exactly_and_is_no_code(hostile, tmp_path):
    path = saved(tmp_path, "model", hostile, "first")
    folder = tmp_path / "c"
    export_model(path, "c", folder)
    made = program(folder, "model", own()[0], ["-std=gnu11", "-O0"])
    answer = json.loads(run(made, "--json", cwd=tmp_path, input=b"\1\2\3\4"))
    assert answer["label"] == hostile
    assert list(answer["probabilities"]) == [hostile, "other"]
    plain = run(made, cwd=tmp_path, input=b"\1\2\3\4").decode()
    shown = hostile.encode("utf-8", "replace").decode()
    assert plain.startswith(f"standard input: {shown}\n")
    assert "EVIL" not in code_of(folder)


@pytest.mark.parametrize("hostile", LAYERS, ids=ascii)
def test_a_hostile_layer_name_is_no_code(hostile, tmp_path):
    path = saved(tmp_path, "model", "yes", hostile)
    folder = tmp_path / "c"
    export_model(path, "c", folder, train=True)
    checked = [*own()[0], *WARNINGS, "-std=gnu11", "-fsyntax-only", "model.c", "main.c"]
    run(*checked, cwd=folder)
    assert not re.search(r"\bEVIL\b", code_of(folder))


@pytest.mark.parametrize("hostile", [*HOSTILE, *RESERVED], ids=[*IDS, *RESERVED])
def test_a_hostile_file_name_is_no_code(hostile, tmp_path):
    name = hostile.replace("/", "_").replace("\0", "_").encode("utf-8", "replace").decode()[:200]
    path = saved(tmp_path, name, "yes", "first")
    folder = tmp_path / "c"
    done = export_model(path, "c", folder)
    assert re.fullmatch(r"[a-z][a-z0-9_]{0,50}", done.name)
    assert set(done.files) >= {f"{done.name}.c", f"{done.name}.h", "main.c", "Makefile"}
    checked = [*own()[0], *WARNINGS, "-std=gnu11", "-fsyntax-only", f"{done.name}.c", "main.c"]
    run(*checked, cwd=folder)
    assert "EVIL" not in code_of(folder).replace(done.name, "").replace(done.name.upper(), "")


def test_hostile_words_of_a_vocabulary_are_found(tmp_path):
    words = ["<unk>", "it's", "evil", "rock'n'roll", "ÿ", "漢字", "нет", "ßx", "ﬁn", "ⅷ", "a" * 300]
    rl.manual_seed(0)
    net = rl.nn.Sequential(rl.nn.EmbeddingBag(len(words), 4), rl.nn.Linear(4, 2))
    task = {"kind": "text-classifier", "labels": ["A", "B"], "vocabulary": words}
    rl.save(tmp_path / "words.safetensors", net, task=task)
    export_model(tmp_path / "words.safetensors", "c", tmp_path / "c")
    made = program(tmp_path / "c", "words", own()[0], ["-std=gnu11", "-O0"])
    for word in words[1:]:
        answer = json.loads(run(made, "--json", word, cwd=tmp_path))
        assert answer["notes"] == [], word
        assert answer["input"] == word


def test_numbers_that_are_not_finite_are_weights_too(tmp_path):
    net = rl.nn.Sequential(rl.nn.Linear(1, 3))
    net[0].weight.assign(rl.tensor(np.float32([[np.inf], [-np.inf], [np.nan]])))
    rl.save(tmp_path / "odd.safetensors", net, task={"kind": "regressor", "inputs": 1})
    export_model(tmp_path / "odd.safetensors", "c", tmp_path / "c")
    made = program(tmp_path / "c", "odd", own()[0], ["-std=gnu11", "-O0"])
    done = subprocess.run([made, "1"], capture_output=True, text=True, timeout=60)
    assert done.returncode == 2
    assert done.stderr == "odd: 1: the network has no answer that is a number\n"
