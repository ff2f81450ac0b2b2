#!/bin/bash
# Writes requirements/run.lock and requirements/dev.lock from pyproject.toml: every distribution pinned,
# with the SHA-256 of each file that the public index serves for it. Local indexes and find-links
# are switched off, or the locks would carry digests that nobody else can fetch.
#
#   tools/lock.sh             keep pins that still satisfy pyproject.toml
#   tools/lock.sh --upgrade   take the newest that satisfy it
#
# The resolver runs under the oldest Python that is supported, Debian 12's own 3.11.2: a newer patch release
# would choose distributions that refuse to install there (seen: soupsieve 4 needs 3.11.5).
set -euo pipefail
cd "$(dirname "$0")/.."
python=${LOCK_PYTHON:-/usr/bin/python3.11}
export PIP_CONFIG_FILE=/dev/null PIP_FIND_LINKS='' CUSTOM_COMPILE_COMMAND='tools/lock.sh'
unset PIP_EXTRA_INDEX_URL PIP_NO_INDEX

# A fresh environment and a fresh cache: pip-compile remembers digests of whatever index it last saw.
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
"$python" -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet 'pip>=26,<27' 'pip-tools>=7.6,<8' 'setuptools>=80,<85'

compile() {
    local output=$1
    shift
    "$work/venv/bin/pip-compile" --quiet --generate-hashes --allow-unsafe --strip-extras --no-emit-options \
        --no-emit-index-url --no-emit-find-links --no-emit-trusted-host --no-build-isolation \
        --cache-dir "$work/cache" --output-file "$output" "$@" pyproject.toml
}

compile requirements/run.lock --extra build "$@"
compile requirements/dev.lock --extra build --extra dev --constraint requirements/run.lock "$@"
