#!/usr/bin/env bash
# The files below deploy/ against the programs that read them: systemd's exposure score and unit parser, Prometheus' rule
# checker and rule tests, and the steps of the container file. `check.sh METRICS-PAGE` checks that page as well.
# What cannot be installed is skipped with a line that says so; KEYHOLDER_TEST_DEPLOY=1 makes that an error.
set -euo pipefail
cd "$(dirname "$0")/../.."

# The highest exposure, in tenths; systemd's scale goes from 0 to 100.
MAX_EXPOSURE=15

installed() {
  if ! command -v "$1" >/dev/null && [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    # Without its daemon: only the checker is wanted.
    { apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$2"; } >/dev/null || true
  fi
  command -v "$1" >/dev/null && return 0
  echo "skipped: $1 is not here and cannot be installed"
  [ -z "${KEYHOLDER_TEST_DEPLOY:-}" ]
  return 1
}

if installed systemd-analyze systemd; then
  for unit in deploy/*.service; do
    systemd-analyze security --offline=yes --no-pager --threshold="$MAX_EXPOSURE" "$unit" | tail -n 1
  done
  # The program is not installed here: that is the only complaint.
  complaints="$(systemd-analyze verify deploy/*.service deploy/*.timer 2>&1 | grep -v '/usr/local/bin/keyholder is not executable' | grep 'keyholder' || true)"
  [ -z "$complaints" ] || { echo "$complaints"; exit 1; }
fi

if installed promtool prometheus; then
  promtool check rules deploy/alert-rules.yaml
  promtool test rules deploy/alert-rules.test.yaml
  if [ -n "${1:-}" ]; then promtool check metrics < "$1"; fi
fi

deploy/containerfile-steps
