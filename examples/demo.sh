#!/usr/bin/env bash
# The main job on the embedded database: registers the example bases, then asks what a fine-tune comes from.
# It works in a data folder of its own and leaves nothing behind.
set -euo pipefail
cd "$(dirname "$0")/checkpoints"
export PATH="$PWD/../../.venv/bin:$PATH"
unset REGISTRY_DATABASE_URL
export COLUMNS=100 NO_COLOR=1
REGISTRY_DATA_DIR=$(mktemp -d)
export REGISTRY_DATA_DIR
trap 'registry db stop >/dev/null; rm -rf "$REGISTRY_DATA_DIR"' EXIT

say() {
    printf '$ %s\n' "$*"
    "$@" 2>"$REGISTRY_DATA_DIR/stderr" || { cat "$REGISTRY_DATA_DIR/stderr" >&2; exit 1; }
    echo
}

say registry ingest llama-tiny llama-small --family llama
say registry ingest qwen-tiny qwen-small --family qwen
say registry ingest phi-tiny phi-small --family phi
say registry identify llama-tiny-code
