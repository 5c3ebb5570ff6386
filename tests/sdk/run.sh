#!/usr/bin/env bash
# Runs the vendor's own Python SDKs, v5 and v6, against the emulator: all 30 operations each.
#
#   tests/sdk/run.sh [DIRECTORY]
#
# The virtual environments are made in DIRECTORY and kept there; without one, in a temporary directory that is removed.
# The last line is `60 passed, 0 failed` if everything held; the exit code is not 0 otherwise.
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
scratch=$(mktemp -d)
environments=${1:-$scratch}
mkdir -p "$environments"

server=
stop() {
    # The emulator stops when its standard input closes.
    exec 3>&- || true
    if [[ -n $server ]]; then wait "$server" || true; fi
    rm -rf "$scratch"
}
trap stop EXIT

for version in v5 v6; do
    if [[ ! -x $environments/$version/bin/python ]]; then
        python3 -m venv "$environments/$version"
    fi
    "$environments/$version/bin/python" -m pip install --quiet --disable-pip-version-check \
        --requirement "$here/requirements-$version.txt"
done

cargo build --quiet --locked --manifest-path "$root/Cargo.toml" --package keyholder-emulator --example serve

passed=0
failed=0
status=0
for version in v5 v6; do
    # A contract of its own for each, so that neither sees what the other wrote.
    mkfifo "$scratch/$version.in" "$scratch/$version.out"
    cargo run --quiet --locked --manifest-path "$root/Cargo.toml" --package keyholder-emulator --example serve \
        <"$scratch/$version.in" >"$scratch/$version.out" &
    server=$!
    exec 3>"$scratch/$version.in"
    read -r connection <"$scratch/$version.out"
    printf '%s\n' "$connection" >"$scratch/$version.json"
    "$environments/$version/bin/python" "$here/conformance.py" "$version" "$scratch/$version.json" \
        | tee "$scratch/$version.log" || status=1
    exec 3>&-
    wait "$server" || status=1
    server=
    closing=$(grep -E "^$version: [0-9]+ passed, [0-9]+ failed$" "$scratch/$version.log" || echo "$version: 0 passed, 30 failed")
    read -r _ ok _ bad _ <<<"$closing"
    passed=$((passed + ok))
    failed=$((failed + bad))
done

if [[ $passed -ne 60 || $failed -ne 0 ]]; then status=1; fi
echo "$passed passed, $failed failed"
exit "$status"
