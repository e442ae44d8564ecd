#!/bin/bash
# Last stage: bytecode, since a read-only root caches none later; then what the image must be, so that a wrong one is none.
set -euo pipefail
root=${1:?the folder of the repository}
fail() {
  echo "image: $1" >&2
  exit 1
}
cd "$root"
.venv/bin/python -m compileall -q app audit deployments guards train
[ -z "$(find "$root" -not -user root -print -quit)" ] || fail "something below $root is not root's"
[ -z "$(find "$root" -not -type l -perm /022 -print -quit)" ] || fail "something below $root can be written by others"
secrets=(-name '*.key' -o -name '*.pem' -o -name run.env -o -name '.env*' -o -name .git)
[ -z "$(find "$root" -path "$root/.venv" -prune -o \( "${secrets[@]}" \) -print -quit)" ] || fail "a secret came along"
[ -f app/web/dist/index.html ] || fail "the page is not built"
[ ! -e "$root/var" ] || fail "state came along: var"
.venv/bin/python -c 'import ray, torch, transformers, app.main, audit.verify, guards.guard, train.finetune'
.venv/bin/python -m deployments.node_certificate --help > /dev/null
