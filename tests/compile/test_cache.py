"""The cache gives what was put in, whole and untouched, or nothing."""

import json
import os
import signal
import stat
import subprocess
import sys
import time
import warnings
from pathlib import Path

import pytest

from rushlight.compile import cache
from rushlight.core.errors import CompileError, CompileWarning

SCRIPT = Path(__file__).with_name("store_in_cache.py")
ROOT = Path(__file__).parents[2]
KEY = cache.digest("a graph")
OTHER = cache.digest("another graph")
SOURCE = "int answer(void) { return 42; }\n"
MANIFEST = {"entry": "answer", "shape": [2, 3]}

is_root = os.geteuid() == 0 if hasattr(os, "geteuid") else False


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """A cache folder of the test's own, and a temporary one."""
    monkeypatch.setenv("RUSHLIGHT_CACHE_DIR", str(tmp_path / "cache"))
    cache.temporary.cache_clear()
    yield tmp_path / "cache" / "objects"
    cache.temporary.cache_clear()


def build(source, output):
    """What stands for a compiler here: the object is the source, marked."""
    output.write_bytes(b"object of " + source.read_bytes())


def forbidden(source, output):
    raise AssertionError("built again")


def put(key=KEY, source=SOURCE, recipe="gcc -O2", manifest=MANIFEST, build=build):
    return cache.store(key, source, recipe, manifest, build)


def test_nothing_is_found_before_anything_is_stored(folder):
    assert cache.find(KEY) is None
    assert not folder.exists()


def test_what_was_stored_is_found(folder):
    stored = put()
    found = cache.find(KEY)
    assert found == stored
    assert found.manifest == MANIFEST
    assert found.path.read_bytes() == b"object of " + SOURCE.encode()
    assert found.source.read_text() == SOURCE


def test_a_manifest_reads_the_same_at_once_and_later():
    stored = put(manifest={"sizes": (1, 2), 3: None})
    assert stored.manifest == cache.find(KEY).manifest == {"sizes": [1, 2], "3": None}


def test_only_the_user_can_enter_the_folder(folder):
    before = os.umask(0)
    try:
        entry = put()
    finally:
        os.umask(before)
    for path in (folder, entry.path.parent):
        assert stat.S_IMODE(path.stat().st_mode) == 0o700
    for path in (*entry.path.parent.iterdir(), folder / f"{KEY}.json"):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert cache.find(KEY) == entry


def test_two_keys_of_the_same_source_share_an_object_and_keep_their_manifests():
    first = put()
    second = put(key=OTHER, manifest={"entry": "other"}, build=forbidden)
    assert first.path == second.path
    assert cache.find(KEY).manifest == MANIFEST
    assert cache.find(OTHER).manifest == {"entry": "other"}


@pytest.mark.parametrize("change", [{"source": "int f;"}, {"recipe": "gcc -O3"}])
def test_another_source_or_another_recipe_is_another_object(change):
    assert put().path != put(key=OTHER, **change).path


def test_the_latest_object_of_a_key_is_the_one_that_is_found():
    put()
    newer = put(source="int newer;")
    assert cache.find(KEY) == newer


def test_facts_are_remembered_without_an_object(folder):
    assert cache.recall(KEY) is None
    cache.remember(KEY, {"kind": "gcc"})
    assert cache.recall(KEY) == {"kind": "gcc"}


def test_a_failed_build_leaves_nothing(folder):
    def fails(source, output):
        output.write_bytes(b"half")
        raise CompileError("no")

    with pytest.raises(CompileError, match="no"):
        put(build=fails)
    assert cache.find(KEY) is None
    assert [path.name for path in folder.iterdir()] == [".pruned"]


def damage_record(path, home):
    path.write_bytes(path.read_bytes().replace(b"answer", b"tanswer"))


def empty_record(path, home):
    path.write_bytes(b"")


def copy_other_record(path, home):
    cache.remember(OTHER, {"object": home.name, "manifest": {}})
    os.replace(path.with_name(f"{OTHER}.json"), path)


def truncate_object(path, home):
    os.truncate(home / "code.so", 10)


def change_object(path, home):
    code = bytearray((home / "code.so").read_bytes())
    code[5] ^= 1
    (home / "code.so").write_bytes(code)


def remove_object(path, home):
    (home / "code.so").unlink()


def remove_facts(path, home):
    (home / "facts.json").unlink()


def link_object(path, home):
    os.rename(home / "code.so", path.with_name("elsewhere"))
    os.symlink(path.with_name("elsewhere"), home / "code.so")


def link_home(path, home):
    os.rename(home, path.with_name("elsewhere"))
    os.symlink(path.with_name("elsewhere"), home)


def link_record(path, home):
    os.rename(path, path.with_name("elsewhere"))
    os.symlink(path.with_name("elsewhere"), path)


def pipe_for_record(path, home):
    path.unlink()
    os.mkfifo(path)


def pipe_for_object(path, home):
    (home / "code.so").unlink()
    os.mkfifo(home / "code.so")


def folder_for_record(path, home):
    path.unlink()
    (path / "inner").mkdir(parents=True)


def file_for_home(path, home):
    remove_facts(path, home)
    os.rename(home, path.with_name("elsewhere"))
    home.write_text("a file")


def open_object(path, home):
    (home / "code.so").chmod(0o622)


def open_home(path, home):
    home.chmod(0o770)


def open_record(path, home):
    path.chmod(0o602)


def open_facts(path, home):
    (home / "facts.json").chmod(0o660)


def give_away_record(path, home):
    os.chown(path, 12345, -1)


def give_away_object(path, home):
    os.chown(home / "code.so", 12345, -1)


def give_away_home(path, home):
    os.chown(home, 12345, -1)


UNTRUSTED = [
    damage_record,
    empty_record,
    copy_other_record,
    truncate_object,
    change_object,
    remove_object,
    remove_facts,
    link_object,
    link_home,
    link_record,
    pipe_for_record,
    pipe_for_object,
    folder_for_record,
    file_for_home,
    open_object,
    open_home,
    open_record,
    open_facts,
    give_away_record,
    give_away_object,
    give_away_home,
]


@pytest.mark.parametrize("spoil", UNTRUSTED, ids=lambda spoil: spoil.__name__)
def test_what_cannot_be_trusted_is_refused_with_a_word_and_made_anew(folder, spoil):
    if spoil.__name__.startswith("give_away") and not is_root:
        pytest.skip("only root can give a file away")
    home = put().path.parent
    spoil(folder / f"{KEY}.json", home)
    with pytest.warns(CompileWarning, match=r"is not used, because .*; it is made anew"):
        assert cache.find(KEY) is None
    again = put()
    assert again.path.read_bytes() == b"object of " + SOURCE.encode()
    assert cache.find(KEY) == again


def test_a_key_whose_object_was_removed_finds_nothing_and_says_nothing(folder):
    home = put().path.parent
    for path in home.iterdir():
        path.unlink()
    home.rmdir()
    assert cache.find(KEY) is None


def test_the_same_word_is_said_once(folder):
    home = put().path.parent
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("default")
        for _ in range(3):
            truncate_object(None, home)
            assert cache.find(KEY) is None
            put()
    assert len(said) == 1


@pytest.mark.parametrize("mode", [0o777, 0o720, 0o702])
def test_a_folder_that_others_can_write_is_left_alone(folder, mode):
    before = put().path
    folder.chmod(mode)
    with pytest.warns(CompileWarning, match="can be written by other users; set RUSHLIGHT_CACHE"):
        assert cache.find(KEY) is None
        entry = put()
        assert folder not in entry.path.parents
        assert cache.find(KEY) == entry
    assert before.exists()
    assert stat.S_IMODE(folder.stat().st_mode) == mode


@pytest.mark.skipif(not is_root, reason="only root can give a folder away")
def test_a_folder_of_another_user_is_left_alone(folder):
    put()
    os.chown(folder, 12345, -1)
    with pytest.warns(CompileWarning, match="belongs to another user"):
        assert cache.find(KEY) is None
    with pytest.warns(CompileWarning, match="belongs to another user"):
        assert folder not in put().path.parents


def test_a_link_in_place_of_the_folder_is_left_alone(folder, tmp_path):
    (tmp_path / "elsewhere").mkdir()
    folder.parent.mkdir()
    folder.symlink_to(tmp_path / "elsewhere")
    with pytest.warns(CompileWarning, match="is not a folder"):
        entry = put()
    assert folder.resolve() not in entry.path.parents
    assert list((tmp_path / "elsewhere").iterdir()) == []


def test_where_the_folder_cannot_be_made_a_temporary_one_serves(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("mine")
    monkeypatch.setenv("RUSHLIGHT_CACHE_DIR", str(tmp_path / "file" / "below"))
    with pytest.warns(CompileWarning, match="kept in a temporary folder, because") as said:
        entry = put()
        assert cache.find(KEY) == entry
        put(key=OTHER)
    assert len({str(warning.message) for warning in said}) == 1
    assert stat.S_IMODE(entry.path.parents[1].stat().st_mode) == 0o700


@pytest.mark.skipif(is_root, reason="root can write everywhere")
def test_a_folder_that_cannot_be_written_is_still_read(folder):
    entry = put()
    folder.chmod(0o500)
    try:
        assert cache.find(KEY) == entry
        with pytest.warns(CompileWarning, match="permission denied"):
            other = put(key=OTHER, source="int other;")
        assert cache.find(OTHER) == other
        assert cache.find(KEY) == entry
    finally:
        folder.chmod(0o700)


@pytest.fixture
def small_disk(tmp_path):
    """A folder on a disk of 1 MiB."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mounting = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(disk)]
    if not is_root or subprocess.run(mounting, capture_output=True).returncode:
        pytest.skip("only root can mount a small disk")
    yield disk
    subprocess.run(["umount", str(disk)], check=True)


def test_where_the_disk_is_full_a_temporary_folder_serves(small_disk, monkeypatch):
    monkeypatch.setenv("RUSHLIGHT_CACHE_DIR", str(small_disk))
    with pytest.warns(CompileWarning, match="is on a disk that is full"):
        entry = put()
    assert small_disk not in entry.path.parents
    assert cache.find(KEY) == entry


def test_where_no_folder_can_be_written_the_error_says_so(tmp_path):
    """In a process of its own, as a limit of its files' size cannot be lifted again."""
    program = (
        "import resource, warnings\n"
        "warnings.simplefilter('ignore')\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))\n"
        "from rushlight.compile import cache\n"
        "try:\n"
        "    cache.store(cache.digest('x'), 'int x;', '', {}, None)\n"
        "except cache.CompileError as error:\n"
        "    print(error)\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, cwd=ROOT)
    assert done.stderr == ""
    assert done.stdout.startswith("no folder takes compiled code: the temporary one gives an error")
    assert "hint: set RUSHLIGHT_CACHE_DIR" in done.stdout


def test_the_temporary_folder_goes_with_the_process(tmp_path):
    program = (
        "import os, sys, warnings\n"
        "warnings.simplefilter('ignore')\n"
        "from rushlight.compile import cache\n"
        "build = lambda source, output: output.write_bytes(b'x')\n"
        "entry = cache.store(cache.digest('x'), 'int x;', '', {}, build)\n"
        "if os.fork() == 0:\n"
        "    sys.exit()\n"
        "os.wait()\n"
        "print(entry.path.exists(), entry.path)\n"
    )
    (tmp_path / "file").write_text("")
    variables = {**os.environ, "RUSHLIGHT_CACHE_DIR": str(tmp_path / "file" / "below")}
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, cwd=ROOT, env=variables
    )
    existed, path = done.stdout.split(maxsplit=1)
    assert (existed, done.stderr) == ("True", "")
    assert not Path(path.strip()).parents[1].exists()


def run_script(*arguments):
    return subprocess.Popen(
        [sys.executable, str(SCRIPT), *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )


def test_eight_processes_that_store_at_once_all_find_whole_entries(folder, tmp_path):
    start = tmp_path / "start"
    processes = [run_script("store", start, 25) for _ in range(8)]
    while len(list(tmp_path.glob("start.ready-*"))) < 8:
        time.sleep(0.01)
        assert all(process.poll() is None for process in processes)
    start.touch()
    outcomes = [process.communicate(timeout=60) for process in processes]
    assert outcomes == [("25 whole\n", "")] * 8
    assert [path for path in folder.iterdir() if path.name.startswith(".new-")] == []
    assert len(list(folder.glob("*.json"))) == 25


def test_a_process_killed_in_the_middle_of_a_build_leaves_no_half_entry(folder, tmp_path):
    process = run_script("hang", tmp_path / "building")
    while not (tmp_path / "building").exists():
        time.sleep(0.01)
        assert process.poll() is None
    process.send_signal(signal.SIGKILL)
    process.communicate(timeout=60)
    assert len([path for path in folder.iterdir() if path.name.startswith(".new-")]) == 1
    assert cache.find(KEY) is None
    entry = put()
    assert cache.find(KEY) == entry
    assert entry.path.read_bytes() == b"object of " + SOURCE.encode()


def age(path, seconds):
    moment = time.time() - seconds
    os.utime(path, (moment, moment))


def test_what_killed_builds_left_is_removed_an_hour_later(folder):
    put()
    for name, seconds in ((".new-1-a", 4000), (".new-2-b", 100)):
        (folder / name).mkdir()
        (folder / name / "code.so").write_text("half")
        age(folder / name, seconds)
    cache.prune(folder)
    assert not (folder / ".new-1-a").exists()
    assert (folder / ".new-2-b").exists()
    assert cache.find(KEY) is not None


def test_what_was_unused_for_longest_is_removed_first(folder):
    for number in range(10):
        key = cache.digest(str(number))
        home = put(key=key, source=f"int n{number};" + " " * 10_000).path.parent
        age(home, 1000 - number)
        age(folder / f"{key}.json", 1000 - number)
    (folder / "mine.txt").write_text("x" * 100_000)
    age(folder / "mine.txt", 5000)
    cache.prune(folder, limit=100_000)
    found = [cache.find(cache.digest(str(number))) is not None for number in range(10)]
    assert found == [False] * 6 + [True] * 4
    assert (folder / "mine.txt").exists()


def test_a_large_cache_is_pruned_when_something_is_stored(folder):
    put()
    stamp = folder / ".pruned"
    left = folder / ".new-1-a"
    left.mkdir()
    age(left, 4000)
    put(key=OTHER)
    assert left.exists()
    age(stamp, 4000)
    put(key=OTHER)
    assert not left.exists()


def test_use_keeps_an_entry_young(folder):
    entry = put()
    for path in (entry.path.parent, folder / f"{KEY}.json"):
        age(path, 1_000_000)
    cache.find(KEY)
    for path in (entry.path.parent, folder / f"{KEY}.json"):
        assert time.time() - path.stat().st_mtime < 1000


def test_usage_counts_what_is_there(folder):
    assert cache.usage() == (folder, 0)
    put()
    files = [path for path in folder.rglob("*") if path.is_file() and path.name != ".pruned"]
    assert cache.usage() == (folder, sum(path.stat().st_size for path in files))


def test_a_compiler_may_keep_things_beside_the_objects(folder, tmp_path, monkeypatch):
    assert cache.folder("zig") == cache.folder("zig") == folder / "zig"
    assert stat.S_IMODE((folder / "zig").stat().st_mode) == 0o700
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("RUSHLIGHT_CACHE_DIR", str(tmp_path / "file" / "below"))
    with pytest.warns(CompileWarning, match="kept in a temporary folder"):
        assert cache.folder("zig").is_dir()


def test_records_are_plain_json_under_their_digest(folder):
    put()
    first, second = (folder / f"{KEY}.json").read_text().splitlines()
    assert first == cache.digest(KEY, second)
    assert json.loads(second)["manifest"] == MANIFEST
