#!/bin/bash
# Makes the virtual environment at $1 with Python 3.11, which the locks are made for. A usable one is kept.
# On a bare Debian 12 the module that puts pip into it (ensurepip) is a package of its own: root gets it
# installed, anybody else is told what to type.
set -euo pipefail
venv=$1

fail() {
    printf '\n%s\n%s\n\n' "$1" "$2" >&2
    exit 1
}

is_311() {
    "$1" -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11))' >/dev/null 2>&1
}

find_python() {
    local candidate
    for candidate in "${PYTHON:-}" python3.11 /usr/bin/python3.11 /usr/local/bin/python3.11 python3 python \
        "${PYENV_ROOT:-$HOME/.pyenv}"/versions/3.11*/bin/python; do
        if [[ -n $candidate ]] && is_311 "$candidate"; then
            echo "$candidate"
            return
        fi
    done
}

if [[ -x $venv/bin/python ]] && is_311 "$venv/bin/python" && "$venv/bin/python" -m pip --version >/dev/null 2>&1; then
    exit 0
fi

python=$(find_python)
if [[ -z $python ]]; then
    fail "Cần Python 3.11. Trên Debian 12: apt-get install python3.11 python3.11-venv" \
        "Python 3.11 is needed. On Debian 12: apt-get install python3.11 python3.11-venv"
fi

if ! "$python" -c 'import ensurepip, venv' >/dev/null 2>&1; then
    if [[ $(id -u) -ne 0 ]] || ! command -v apt-get >/dev/null; then
        fail "Thiếu gói python3.11-venv. Hãy gõ: sudo apt-get update && sudo apt-get install -y python3.11-venv" \
            "python3.11-venv is missing. Type: sudo apt-get update && sudo apt-get install -y python3.11-venv"
    fi
    echo "Đang cài / installing python3.11-venv …"
    export DEBIAN_FRONTEND=noninteractive
    if ! { apt-get update -q && apt-get install -q -y --no-install-recommends python3.11-venv; } >/tmp/apt-$$.log 2>&1; then
        tail -5 /tmp/apt-$$.log >&2
        rm -f /tmp/apt-$$.log
        fail "Không cài được python3.11-venv bằng apt-get (xem trên)." \
            "apt-get could not install python3.11-venv (see above)."
    fi
    rm -f /tmp/apt-$$.log
fi

# Made aside and moved into place would break the paths inside; so a half-made one is removed instead.
rm -rf "$venv"
"$python" -m venv "$venv"
