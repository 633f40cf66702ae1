"""`rushlight export`: C, a library or a program from a saved network, and nothing half-written."""

import json
import re
import shutil
import subprocess
import sys

import numpy as np
import pytest

import rushlight as rl
from rushlight.data import gestures, mnist
from rushlight.formats.png import write_png

MOST_BYTES = 2_000_000  # of the program for digits, with its weights


@pytest.fixture(scope="module")
def seven():
    return mnist.load().test_images[0].tobytes()


@pytest.fixture(scope="module", autouse=True)
def _compiler():
    if not any(map(shutil.which, ("cc", "gcc", "clang"))):
        pytest.skip("there is no C compiler")


def ask(program, *arguments, **options):
    return subprocess.run([program, *arguments], capture_output=True, timeout=60, **options)


def test_a_program_for_digits_is_small_and_right(rushlight, models, tmp_path, seven):
    done = rushlight("export", models / "digits.safetensors", "--to", "exe")
    program = tmp_path / "digits"
    assert done.stdout.startswith(f"wrote digits ({program.stat().st_size:,} bytes)")
    assert program.stat().st_size < MOST_BYTES
    pgm = tmp_path / "seven.pgm"
    pgm.write_bytes(b"P5\n# a comment\n28 28\n255\n" + seven)
    plain = ask(program, pgm)
    assert plain.stdout.decode().startswith(f"{pgm}: 7\n")
    assert plain.stdout.decode().count("%") == 10
    png = tmp_path / "seven.png"
    write_png(png, np.frombuffer(seven, np.uint8).reshape(28, 28))
    raw = json.loads(ask(program, "--json", input=seven).stdout)
    python = json.loads(rushlight("predict", "--json", models / "digits.safetensors", png).stdout)
    assert raw["label"] == "7"
    np.testing.assert_allclose(
        list(raw["probabilities"].values()), list(python["probabilities"].values()), atol=1e-5
    )


def test_pictures_as_text_and_of_other_depths_are_read(rushlight, models, tmp_path, seven):
    rushlight("export", models / "digits.safetensors", "--to", "exe")
    text = b"P2 28 28 255 " + " ".join(map(str, seven)).encode()
    dim = b"P5 28 28 51\n" + bytes(pixel // 5 for pixel in seven)
    for content in (text, dim, seven):
        assert ask(tmp_path / "digits", input=content).stdout.startswith(b"standard input: 7\n")


def test_what_is_no_picture_ends_with_code_2_and_one_line(rushlight, models, tmp_path, seven):
    rushlight("export", models / "digits.safetensors", "--to", "exe")
    wrong = {
        b"": b"is no picture that can be read",
        b"x" * 783: b"is no picture that can be read",
        b"x" * 20000: b"is no picture that can be read",
        b"P5 27 28 255\n" + seven: b"is not of 28x28 pixels",
        b"P5 28 28 255\n" + seven[:-1]: b"ends too early",
        b"P5 28 28": b"is a broken PGM file",
        b"P5 28 28 65535\n" + 2 * seven: b"has more than 8 bits a pixel",
        b"P5 28 28 9\n" + seven: b"has a pixel that is out of range",
        b"P2 28 28 255 1 2 3 -4": b"ends too early",
        b"P2 99999999999999999999 28 255 1": b"is not of 28x28 pixels",
        b"P5" + b"#" * 30000: b"is too large",
    }
    for content, fact in wrong.items():
        done = ask(tmp_path / "digits", input=content)
        assert (done.returncode, done.stdout) == (2, b"")
        assert fact in done.stderr, done.stderr
        assert done.stderr.count(b"\n") == 1
    for arguments in (["nowhere.pgm"], ["--nope"], [str(tmp_path)]):
        done = ask(tmp_path / "digits", *arguments)
        assert done.returncode == 2
        assert done.stderr.startswith(b"digits: ")
        assert done.stderr.count(b"\n") == 1


def test_a_program_for_texts_answers_as_predict_does(rushlight, models, tmp_path):
    model = models / "spam.safetensors"
    rushlight("export", model, "--to", "exe")
    texts = ["Win money now", "Hello friend", "Claim, 'qwertz' now!"]
    plain = ask(tmp_path / "spam", *texts)
    assert plain.stdout.decode() == rushlight("predict", model, *texts).stdout
    lines = ask(tmp_path / "spam", "--json", input="\n".join(texts).encode()).stdout.splitlines()
    for line, text in zip(lines, texts, strict=True):
        answer = json.loads(line)
        python = json.loads(rushlight("predict", model, "--json", text).stdout)
        assert {**answer, "probabilities": 0} == {**python, "probabilities": 0}
    bad = ask(tmp_path / "spam", "?!")
    assert bad.returncode == 2
    assert bad.stderr == b"spam: input: there is no word in it; write a sentence\n"
    long = ask(tmp_path / "spam", "win " * 300)
    assert long.stderr == b"spam: input: has more than 256 words\n"


@pytest.mark.parametrize("header", ["x,y,z", "z,x,y", "a,b,c", None])
def test_a_program_for_signals_answers_as_predict_does(rushlight, models, tmp_path, header):
    model = models / "gesture.safetensors"
    rushlight("export", model, "--to", "exe")
    trace = np.random.default_rng(0).standard_normal((gestures.SAMPLES, 3))
    lines = [] if header is None else [header]
    lines += [", ".join(f"{number:.5g}" for number in row) for row in trace]
    (tmp_path / "trace.csv").write_bytes("\r\n".join(lines).encode())
    found = json.loads(ask(tmp_path / "gesture", "--json", "trace.csv", cwd=tmp_path).stdout)
    python = json.loads(rushlight("predict", "--json", model, "trace.csv").stdout)
    assert (found["input"], found["label"]) == ("trace.csv", python["label"])
    assert list(found["probabilities"]) == list(python["probabilities"])
    np.testing.assert_allclose(
        list(found["probabilities"].values()), list(python["probabilities"].values()), atol=1e-5
    )
    plain = ask(tmp_path / "gesture", input=(tmp_path / "trace.csv").read_bytes()).stdout.decode()
    assert plain.startswith(f"standard input: {python['label']}\n")


def test_what_is_no_signal_ends_with_code_2_and_one_line(rushlight, models, tmp_path):
    rushlight("export", models / "gesture.safetensors", "--to", "exe")
    line = b"1,2,3\n"
    wrong = {
        b"": b"is not of 128 lines of numbers",
        line * 127: b"is not of 128 lines of numbers",
        line * 129: b"is not of 128 lines of numbers",
        b"x,y,z": b"is not of 128 lines of numbers",
        line * 127 + b"1,2\n": b"has a line that is not made of 3 numbers",
        line * 127 + b"1,,3\n": b"has a line that is not made of 3 numbers",
        line * 127 + b"1,2,3,4\n": b"has a line that is not made of 3 numbers",
        line * 127 + b"1,2,\n3\n": b"has a line that is not made of 3 numbers",
        line * 127 + b"1,2,three\n": b"has a line that is not made of 3 numbers",
        line * 127 + b"1,2,nan\n": b"has a line that is not made of 3 numbers",
        line * 127 + b"1,2,1e39\n": b"has a line that is not made of 3 numbers",
        b"\0" * 100: b"is not of 128 lines of numbers",
        line * 20000: b"is too large",
    }
    for content, fact in wrong.items():
        done = ask(tmp_path / "gesture", input=content)
        assert (done.returncode, done.stdout) == (2, b"")
        assert fact in done.stderr, (content[-20:], done.stderr)
        assert done.stderr.count(b"\n") == 1


def test_a_program_for_numbers_answers_as_predict_does(rushlight, models, tmp_path):
    model = models / "neuron.safetensors"
    rushlight("export", model, "--to", "exe")
    for numbers in ("0 1", "1,1"):
        python = rushlight("predict", model, numbers).stdout
        assert ask(tmp_path / "neuron", numbers).stdout.decode() == python
    for wrong in ("1", "1 2 3", "x", "nan 1", "1e999 0", "", "1;2"):
        done = ask(tmp_path / "neuron", wrong)
        assert (done.returncode, done.stderr.count(b"\n")) == (2, 1)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_program_answers_rows_of_numbers_with_a_class(rushlight, tmp_path, dtype):
    rl.manual_seed(0)
    net = rl.nn.Sequential(rl.nn.Linear(2, 4), rl.nn.Tanh(), rl.nn.Linear(4, 3)).cast(dtype)
    task = {"kind": "number-classifier", "labels": ["low", "middle", "high"], "inputs": 2}
    rl.save(tmp_path / "rows.safetensors", net, task=task)
    rushlight("export", "rows.safetensors", "--to", "exe")
    for options in ([], ["--json"]):
        python = rushlight("predict", "rows.safetensors", *options, "0 1", "1,-2.5").stdout
        program = ask(tmp_path / "rows", *options, "0 1", "1,-2.5").stdout.decode()
        assert re.sub(r"(\.\d{6})\d+", r"\1", program) == re.sub(r"(\.\d{6})\d+", r"\1", python)
    assert python.count('"label": ') == 2


def test_a_library_is_loaded_by_the_python_file_beside_it(rushlight, models, tmp_path, seven):
    rushlight("export", models / "digits.safetensors", "--to", "lib", "--train")
    rushlight("export", models / "spam.safetensors", "--to", "lib")
    code = (
        "import json, sys\n"
        "sys.path[:0] = ['digits-lib', 'spam-lib']\n"
        "import digits, spam\n"
        "shares = digits.predict([pixel / 255 for pixel in sys.stdin.buffer.read()])\n"
        "print(digits.LABELS[shares.index(max(shares))], spam.LABELS, len(spam.predict([1, 2])))\n"
        "learner = digits.Learner()\n"
        "batch = [0.5] * 784 * 32\n"
        "losses = [learner.train(batch, [3] * 32, 0.1) for _ in range(3)]\n"
        "print(losses[2] < losses[0], len(learner.predict([0.5] * 784)), len(learner.save()))\n"
        "for wrong in ([], [1.0] * 783):\n"
        "    try:\n        digits.predict(wrong)\n"
        "    except ValueError as error:\n        print(error)\n"
    )
    done = subprocess.run(
        [sys.executable, "-S", "-c", code], cwd=tmp_path, input=seven, capture_output=True
    )
    assert done.stderr == b""
    size = (models / "digits.safetensors").stat().st_size
    assert done.stdout.decode().splitlines() == [
        "7 ['HAM', 'SPAM'] 2",
        f"True 10 {size}",
        "the network takes 784 numbers, got 0",
        "the network takes 784 numbers, got 783",
    ]


def test_the_c_is_built_and_tested_by_make(rushlight, models, tmp_path):
    done = rushlight("export", models / "spam.safetensors", "--to", "c", "--train")
    assert "wrote the folder spam-c:" in done.stdout
    made = subprocess.run(["make", "-s", "-C", tmp_path / "spam-c", "test"], capture_output=True)
    assert made.stdout.decode().splitlines() == [
        "test: the same bits as when it was exported",
        "training: the same bits as when it was exported",
    ]


def test_what_is_there_is_replaced_only_when_asked_to(rushlight, models, tmp_path):
    model = models / "neuron.safetensors"
    for kind, out in (("c", "neuron-c"), ("exe", "neuron")):
        assert rushlight("export", model, "--to", kind).returncode == 0
        again = rushlight("export", model, "--to", kind)
        assert again.returncode == 2
        assert again.stderr.startswith(f"rushlight: {out} is there already (--force")
        assert rushlight("export", model, "--to", kind, "--force").returncode == 0
    (tmp_path / "neuron-c" / "mine.txt").write_text("kept")
    rushlight("export", model, "--to", "c", "--force")
    assert (tmp_path / "neuron-c" / "mine.txt").read_text() == "kept"


def test_wrong_use_ends_with_code_2_and_one_line_and_writes_nothing(rushlight, models, tmp_path):
    digits, spam = models / "digits.safetensors", models / "spam.safetensors"
    (tmp_path / "file").write_text("")
    (tmp_path / "broken.safetensors").write_bytes(b"no model")
    before = sorted(tmp_path.iterdir())
    for arguments in (
        ["nowhere.safetensors", "--to", "c"],
        ["broken.safetensors", "--to", "c"],
        [digits, "--to", "exe", "--train"],
        [digits, "--to", "exe", "--batch", "2"],
        [spam, "--to", "c", "--batch", "2"],
        [spam, "--to", "c", "--train", "--train-batch", "2"],
        [digits, "--to", "c", "--out", "no/such/folder"],
        [digits, "--to", "c", "--out", "file"],
        [digits, "--to", "exe", "--out", "."],
    ):
        done = rushlight("export", *arguments)
        assert done.returncode == 2, done.stdout
        assert done.stderr.count("\n") == 1
        assert sorted(tmp_path.iterdir()) == before


def test_the_report_can_be_json(rushlight, models, tmp_path):
    done = rushlight("export", models / "neuron.safetensors", "--to", "c", "--json")
    facts = json.loads(done.stdout)
    assert facts["name"] == "neuron"
    for name, size in facts["files"].items():
        assert (tmp_path / facts["out"] / name).stat().st_size == size
