#!/usr/bin/env bash
# Delivers through the sinks to receivers on loopback, and has what arrives judged by libraries of others: the signature by
# standardwebhooks, mail by aiosmtpd and Python's parser, Slack's payload by @slack/types, the card for Teams by
# adaptivecards.
#
#   tests/sinks/run.sh [DIRECTORY]
#
# Packages from PyPI and npm are installed in DIRECTORY and kept there; without one, in a temporary directory that is
# removed. The last line is `N passed, 0 failed` if everything held; the exit code is not 0 otherwise.
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
scratch=$(mktemp -d)
packages=${1:-$scratch/packages}
mkdir -p "$packages/node" "$scratch/payloads"

server=
stop() {
    # The receivers stop when their standard input closes.
    exec 3>&- || true
    if [[ -n $server ]]; then wait "$server" || true; fi
    rm -rf "$scratch"
}
trap stop EXIT

if [[ ! -x $packages/python/bin/python ]]; then
    python3 -m venv "$packages/python"
fi
"$packages/python/bin/python" -m pip install --quiet --disable-pip-version-check --requirement "$here/requirements.txt"
cp "$here/package.json" "$here/judge.mjs" "$packages/node/"
npm install --prefix "$packages/node" --ignore-scripts --no-audit --no-fund --no-package-lock --silent

cargo test --quiet --locked --manifest-path "$root/Cargo.toml" --test it --no-run

status=0
mkfifo "$scratch/in" "$scratch/out"
"$packages/python/bin/python" "$here/receive.py" "$scratch/payloads" <"$scratch/in" >"$scratch/out" &
server=$!
exec 3>"$scratch/in" 4<"$scratch/out"
read -r connection <&4
printf '%s\n' "$connection" >"$scratch/receivers.json"
KEYHOLDER_TEST_RECEIVERS=$scratch/receivers.json \
    cargo test --quiet --locked --manifest-path "$root/Cargo.toml" --test it -- --exact sinks_judges::every_sink_delivers \
    || status=1
exec 3>&-
cat <&4 | tee "$scratch/judged"
wait "$server" || status=1
server=
node "$packages/node/judge.mjs" "$scratch/payloads" | tee -a "$scratch/judged" || status=1

passed=$(grep -c '^ok ' "$scratch/judged" || true)
failed=$(grep -c '^FAILED ' "$scratch/judged" || true)
for judge in receive judge; do
    if ! grep -qE "^$judge: [1-9][0-9]* passed, 0 failed$" "$scratch/judged"; then status=1; fi
done
if [[ $status -ne 0 && $failed -eq 0 ]]; then failed=1; fi
echo "$passed passed, $failed failed"
exit "$status"
