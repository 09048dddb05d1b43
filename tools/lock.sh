#!/usr/bin/env bash
# Writes requirements/*.txt from pyproject.toml: exact versions and hashes of every file of every version, for
# Python 3.11 to 3.14 ([tool.uv] says why), without download addresses. Keeps the pins that still fit; with --upgrade
# takes the newest.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

[ -x .cache/lock/bin/uv ] || {
    python3 -m venv .cache/lock
    .cache/lock/bin/python -m pip --quiet install 'uv==0.13.9'
}
export UV_CUSTOM_COMPILE_COMMAND="make lock"
compile() {
    .cache/lock/bin/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
        --no-emit-index-url --no-emit-find-links "$@"
}
compile "$@" pyproject.toml --constraint requirements/bounds.in --output-file requirements/run.txt
compile "$@" requirements/build.in --constraint requirements/run.txt --output-file requirements/build.txt
compile "$@" pyproject.toml requirements/build.in --extra dev --constraint requirements/run.txt \
    --constraint requirements/build.txt --output-file requirements/dev.txt
compile "$@" requirements/fuzz.in --constraint requirements/dev.txt --output-file requirements/fuzz.txt

said="python_full_version < '3\.15'"  # of every line, as [tool.uv] has it
sed -i "s/$said and //; s/ and $said//; s/ ; $said//" requirements/{run,build,dev,fuzz}.txt

if grep -nE '://|^ *(-i|-f|--index|--extra-index|--find-links)|'"$PWD" requirements/*.txt; then
    echo "a lock file names a download address or a path of this machine" >&2
    exit 1
fi
