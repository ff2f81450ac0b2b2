#!/bin/bash
# Installs the Debian packages of tools/debian-packages.txt that are missing, where root may ($1: the python
# to ask). What cannot be installed is said; the tests that need it are then left out with that reason. With
# REQUIRE_ALL=1, where a test left out is a failure, this fails at once and says why.
set -euo pipefail
python=$1
cd "$(dirname "$0")/.."

missing=$("$python" -m tools.debian_packages missing)
if [[ -z $missing ]]; then
    exit 0
fi

give_up() {
    echo "Chưa cài được / not installed: $missing ($1)" >&2
    if [[ ${REQUIRE_ALL:-} == 1 ]]; then
        echo "REQUIRE_ALL=1: mọi kiểm thử đều phải chạy / every test must run" >&2
        exit 1
    fi
    echo "Các kiểm thử cần chúng sẽ bị bỏ qua / tests that need them are left out." >&2
    exit 0
}

if [[ $(id -u) -ne 0 ]]; then
    give_up "sudo apt-get install $missing"
fi
command -v apt-get >/dev/null || give_up "no apt-get"

# No service that comes with a package may start: the tests run their own, privately.
policy=/usr/sbin/policy-rc.d
log=$(mktemp)
if [[ ! -e $policy ]]; then
    printf '#!/bin/sh\nexit 101\n' >"$policy"
    chmod 755 "$policy"
    trap 'rm -f "$policy" "$log"' EXIT
else
    trap 'rm -f "$log"' EXIT
fi

echo "Đang cài / installing: $missing …"
export DEBIAN_FRONTEND=noninteractive
# shellcheck disable=SC2086  # a list of words
if ! { apt-get update -q && apt-get install -q -y --no-install-recommends $missing; } >"$log" 2>&1; then
    tail -5 "$log" >&2
    give_up "apt-get failed, see above"
fi
