#!/usr/bin/env bash
# Brings .venv to what the lock says:   tools/environment.sh run|dev
#   run    what the product needs           dev    that, and what tests and gates need
# Returns at once when nothing has changed since the last time. PYTHON chooses the interpreter.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

kind=${1:?run or dev}
case $kind in
run) locks=(requirements/run.txt requirements/build.txt) ;;
dev) locks=(requirements/dev.txt) ;;
*) echo "run or dev, not $kind" >&2; exit 2 ;;
esac
ready=.venv/.ready-$kind

# The folder is part of the state: scripts in .venv hold its absolute path, a moved one is made anew.
state=$({ pwd -P; cat pyproject.toml requirements/*.txt; } | sha256sum)
if [ -x .venv/bin/python ] && [ "$(cat "$ready" 2>/dev/null)" = "$state" ]; then exit 0; fi

find_python() {
    local candidate
    for candidate in ${PYTHON:+"$PYTHON"} python3 python3.13 python3.12 python3.11; do
        if "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
            printf '%s\n' "$candidate"
            return
        fi
    done
    echo "Quarterdeck needs Python 3.11 or newer. Install one, or name it: make run PYTHON=/path/to/python3" >&2
    return 1
}

install_as_root() { # what it cannot install the caller sees missing, and says what to type
    [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null || return 0
    echo "Installing $1" >&2
    export DEBIAN_FRONTEND=noninteractive
    { apt-get install -y -qq "$1" || { apt-get update -qq && apt-get install -y -qq "$1"; }; } >/dev/null || true
}

# Debian and Ubuntu ship python3 without ensurepip.
need_venv_module() {
    "$1" -c 'import ensurepip, venv' 2>/dev/null && return
    local package
    package=$("$1" -c 'import sys; print("python%d.%d-venv" % sys.version_info[:2])')
    install_as_root "$package"
    "$1" -c 'import ensurepip, venv' 2>/dev/null && return
    printf 'Python cannot make virtual environments here. Type:\n    sudo apt-get install -y %s\n' "$package" >&2
    return 1
}

# A bare system lacks what the demo model's engine is linked to; everything else works without.
want_openmp() {
    has_openmp && return
    install_as_root libgomp1
    has_openmp || printf 'The demo model will not run here. Type:\n    sudo apt-get install -y libgomp1\n' >&2
}

has_openmp() {
    .venv/bin/python -c 'import ctypes; ctypes.CDLL("libgomp.so.1")' 2>/dev/null
}

moved() { # .venv was made for another folder, or its interpreter is gone
    ! .venv/bin/python -c 'import pip' 2>/dev/null ||
        ! grep -qF "$(pwd -P)/.venv" .venv/bin/activate 2>/dev/null
}

if [ ! -d .venv ] || moved; then
    python=$(find_python)
    need_venv_module "$python"
    "$python" -m venv --clear .venv
fi
want_openmp

case $kind in run) usual="half a minute" ;; dev) usual="one to two minutes" ;; esac
echo "Installing Python packages into .venv ($kind): once, $usual" >&2
pip=(.venv/bin/python -m pip --disable-pip-version-check -qq install --no-warn-script-location)
"${pip[@]}" --require-hashes "${locks[@]/#/--requirement=}"
"${pip[@]}" --no-deps --no-build-isolation --editable .
if [ "$kind" = dev ]; then
    "${pip[@]}" --require-hashes --only-binary :all: --requirement=requirements/fuzz.txt ||
        echo "No fuzzing here: there is no wheel of atheris for this machine" >&2
fi
printf '%s\n' "$state" >"$ready"
echo "Installed in $SECONDS s" >&2
