#!/bin/bash
# Writes requirements/run.lock and requirements/dev.lock from pyproject.toml: every distribution pinned,
# with the SHA-256 of each file that the public index serves for it. Local indexes and find-links
# are switched off, or the locks would carry digests that nobody else can fetch.
#
#   tools/lock.sh             keep pins that still satisfy pyproject.toml
#   tools/lock.sh --upgrade   take the newest that satisfy it
set -euo pipefail
cd "$(dirname "$0")/.."
export PIP_CONFIG_FILE=/dev/null PIP_FIND_LINKS='' CUSTOM_COMPILE_COMMAND='tools/lock.sh'
unset PIP_EXTRA_INDEX_URL PIP_NO_INDEX
# pip-compile's own cache remembers digests of whatever index it last saw.
cache=$(mktemp -d)
trap 'rm -rf "$cache"' EXIT

compile() {
    local output=$1
    shift
    .venv/bin/pip-compile --quiet --generate-hashes --allow-unsafe --strip-extras --no-emit-options \
        --no-emit-index-url --no-emit-find-links --no-emit-trusted-host --no-build-isolation \
        --cache-dir "$cache" --output-file "$output" "$@" pyproject.toml
}

compile requirements/run.lock --extra build "$@"
compile requirements/dev.lock --extra build --extra dev --constraint requirements/run.lock "$@"
