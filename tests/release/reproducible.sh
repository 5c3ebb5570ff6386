#!/usr/bin/env bash
# Makes the release of the current commit twice, in two folders whose paths have different lengths, and compares the digests.
# Needs what deploy/release needs; two cold builds: about 15 minutes on two cores. PROFILE=dev is quicker.
set -euo pipefail
cd "$(dirname "$0")/../.."
scratch="$(mktemp -d)"
trap 'rm -rf "$scratch"' EXIT
SOURCE_DATE_EPOCH="$(git log -1 --format=%ct)"
export SOURCE_DATE_EPOCH
for folder in a a-longer/path; do
  mkdir -p "$scratch/$folder"
  git archive HEAD | tar -x -C "$scratch/$folder"
  (unset CARGO_TARGET_DIR && "$scratch/$folder/deploy/release" "$scratch/$folder-release")
done
diff "$scratch/a-release/SHA256SUMS" "$scratch/a-longer/path-release/SHA256SUMS"
if grep -qF "$scratch" "$scratch/a-release/keyholder" "$scratch/a-release/keyholder.cdx.json"; then
  echo "the folder of the build is in the release" >&2
  exit 1
fi
cat "$scratch/a-release/SHA256SUMS"
