#!/bin/sh
# Make the virtual environment .venv with the first Python >= 3.11 that can, or say what is missing.
# usage: scripts/make-venv.sh [PYTHON]     only that PYTHON is tried when it is named
set -eu

venv=.venv
new_enough='import sys; sys.exit(sys.version_info < (3, 11))'

fail() {
    printf 'rushlight: %s\n' "$@" >&2
    exit 1
}

# Each candidate is run, not just looked up: version managers leave commands that only print an error.
works() { command -v "$1" >/dev/null 2>&1 && "$1" -c "$2" >/dev/null 2>&1; }

# In an environment without pip of its own, made by uv or by a Python without ensurepip.
add_pip() {
    "$1" -m ensurepip >/dev/null 2>&1 || "$2" -m pip --python "$1" install --quiet pip 2>/dev/null
}

venv_python() {
    for inside in "$venv/bin/python" "$venv/Scripts/python.exe"; do
        if [ -x "$inside" ]; then
            echo "$inside"
            return
        fi
    done
}

[ $# -gt 0 ] || set -- python3.14 python3.13 python3.12 python3.11 python3 python
found=
python=
for candidate in "$@"; do
    if works "$candidate" "$new_enough"; then
        found=${found:-$candidate}
        if works "$candidate" 'import ensurepip, venv' || works "$candidate" 'import pip, venv'; then
            python=$candidate
            break
        fi
    fi
done

if [ -z "$found" ]; then
    fail "no Python 3.11 or newer among: $*" \
        "install one (https://www.python.org/downloads), or name it: make PYTHON=/path/to/python3"
fi
if [ -z "$python" ]; then
    fail "$found can make no virtual environment: its venv, ensurepip or pip module is missing" \
        "on Debian and Ubuntu: apt install python3-venv"
fi

existing=$(venv_python)
if [ -n "$existing" ] && works "$existing" "$new_enough"; then
    works "$existing" 'import pip' || add_pip "$existing" "$python" ||
        fail "$venv has no pip: make clean, and try again"
    exit 0
fi

trap 'rm -rf "$venv"' EXIT
trap 'exit 130' INT TERM
echo "making $venv with $("$python" --version) ($python)"
rm -rf "$venv"
if works "$python" 'import ensurepip'; then
    "$python" -m venv "$venv"
else
    "$python" -m venv --without-pip "$venv"
    add_pip "$(venv_python)" "$python" ||
        fail "cannot put pip into $venv" "on Debian and Ubuntu: apt install python3-venv"
fi
trap - EXIT
