#!/usr/bin/env bash
# Programs of the operating system that tests need. As root on Debian or Ubuntu the missing ones are installed;
# otherwise the line to type is printed. Then tests that need them are skipped, or, with REQUIRE_SERVICES=1,
# this script fails.
set -euo pipefail

# program, package that brings it
wanted=(
    "git git"           # the list of tracked files
    "chromium chromium" # browser tests
    "initdb postgresql" # the second database; tests run a server of their own from it
    "pgbouncer pgbouncer" # in front of that
    "promtool prometheus" # rules of Prometheus
    "faketime faketime" # clocks that jump, by the library that it brings
)
PATH=$PATH:/usr/sbin:$(printf '%s:' /usr/lib/postgresql/*/bin) # where Debian keeps its programs

missing_packages() {
    local entry
    for entry in "${wanted[@]}"; do
        command -v "${entry% *}" >/dev/null || printf '%s\n' "${entry#* }"
    done
}

# Only promtool out of its package: installed, it would bring a server that runs from then on.
unpack_promtool() (
    folder=$(mktemp -d)
    trap 'rm -rf "$folder"' EXIT
    cd "$folder"
    apt-get download -qq -o APT::Sandbox::User=root prometheus
    dpkg-deb -x prometheus_*.deb .
    install -m 755 usr/bin/promtool /usr/local/bin/promtool
)

mapfile -t missing < <(missing_packages)
[ "${#missing[@]}" -gt 0 ] || exit 0

if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    printf 'Installing system packages: %s (a minute or two)\n' "${missing[*]}" >&2
    export DEBIAN_FRONTEND=noninteractive
    if [ ! -e /etc/postgresql-common/createcluster.conf ]; then # else the package sets up and starts a server
        mkdir -p /etc/postgresql-common
        echo 'create_main_cluster = false' >/etc/postgresql-common/createcluster.conf
    fi
    mapfile -t whole < <(printf '%s\n' "${missing[@]}" | grep -vx prometheus)
    {
        apt-get install -y -qq --no-install-recommends "${whole[@]}" ||
            { apt-get update -qq && apt-get install -y -qq --no-install-recommends "${whole[@]}"; }
        command -v promtool || unpack_promtool || { apt-get update -qq && unpack_promtool; }
    } >/dev/null || true
    mapfile -t missing < <(missing_packages)
    [ "${#missing[@]}" -gt 0 ] || exit 0
fi

printf 'Missing for some tests. Type:\n    sudo apt-get install -y --no-install-recommends %s\n' "${missing[*]}" >&2
[ "${REQUIRE_SERVICES:-}" != 1 ]
