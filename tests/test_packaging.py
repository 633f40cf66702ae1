"""What an installation brings, and what it leaves out."""

import re
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

from rushlight._version import __version__

ROOT = Path(__file__).parent.parent
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
PROJECT = PYPROJECT["project"]
EXTRAS = PROJECT["optional-dependencies"]


def names(requirements: list[str]) -> list[str]:
    return sorted(re.split(r"[\[<>=~! ]", requirement)[0] for requirement in requirements)


def test_a_plain_install_pulls_numpy_rich_and_platformdirs_alone() -> None:
    assert names(PROJECT["dependencies"]) == ["numpy", "platformdirs", "rich"]


@pytest.mark.parametrize(
    ("extra", "packages"),
    [
        ("pictures", ["pillow"]),
        ("data", ["polars"]),
        ("plot", ["matplotlib"]),
        ("zig", ["ziglang"]),
        (
            "test",
            [
                "hypothesis",
                "matplotlib",
                "pillow",
                "polars",
                "pytest",
                "pytest-timeout",
                "pytest-xdist",
                "safetensors",
                "scikit-learn",
                "tensorboardX",
            ],
        ),
        ("dev", ["mypy", "ruff", "rushlight"]),
    ],
)
def test_an_extra_pulls_what_it_promises(extra: str, packages: list[str]) -> None:
    assert names(EXTRAS[extra]) == packages


def test_the_version_stands_in_one_place() -> None:
    assert "version" not in PROJECT
    assert PYPROJECT["tool"]["hatch"]["version"]["path"] == "rushlight/_version.py"
    version = __version__.replace(".", r"\.")
    copies = [
        path.relative_to(ROOT).as_posix()
        for path in (ROOT / "rushlight").rglob("*.py")
        if re.search(rf"__version__ = ['\"]{version}", path.read_text(encoding="utf-8"))
    ]
    assert copies == ["rushlight/_version.py"]


def test_the_version_command_imports_no_numpy() -> None:
    program = (
        "import sys\n"
        "from rushlight.cli.main import main\n"
        "sys.argv = ['rushlight', '--version']\n"
        "try:\n"
        "    code = main()\n"
        "except SystemExit as stop:\n"
        "    code = stop.code\n"
        "print(code or 0, sorted({'numpy', 'rich'} & set(sys.modules)))\n"
    )
    run = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert run.stderr == ""
    version, outcome = run.stdout.splitlines()
    assert __version__ in version
    assert outcome == "0 []"


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "-w", str(folder), "."]
    subprocess.run(command, cwd=ROOT, check=True)
    (path,) = folder.glob("*.whl")
    return path


@pytest.mark.long
def test_the_wheel_holds_the_whole_package_and_nothing_else(wheel: Path) -> None:
    inside = set(zipfile.ZipFile(wheel).namelist())
    about = f"rushlight-{__version__}.dist-info"
    package = {
        path.relative_to(ROOT).as_posix()
        for path in (ROOT / "rushlight").rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert {name for name in inside if not name.startswith(f"{about}/")} == package
    assert "rushlight/py.typed" in package
    assert f"{about}/licenses/LICENSE" in inside


@pytest.mark.long
def test_the_wheel_is_pure_python_for_311_and_later(wheel: Path) -> None:
    assert wheel.name == f"rushlight-{__version__}-py3-none-any.whl"
    with zipfile.ZipFile(wheel) as archive:
        about = archive.read(f"rushlight-{__version__}.dist-info/METADATA").decode()
    assert "Requires-Python: >=3.11" in about.splitlines()


@pytest.mark.long
def test_the_wheel_works_in_an_environment_of_its_own(wheel: Path, tmp_path: Path) -> None:
    scripts = tmp_path / "venv" / ("Scripts" if sys.platform == "win32" else "bin")
    subprocess.run([sys.executable, "-m", "venv", str(tmp_path / "venv")], check=True)
    install = [str(scripts / "python"), "-m", "pip", "install", "--quiet", str(wheel)]
    subprocess.run(install, check=True, cwd=tmp_path)
    run = subprocess.run(
        [str(scripts / "rushlight"), "--version"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    assert __version__ in run.stdout
