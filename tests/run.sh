#!/usr/bin/env bash
# Install what is missing, then check everything: format, types, contracts, tests. Arguments go to pytest.
set -euo pipefail
cd "$(dirname "$0")/.."
. ./setup.sh
install_locked requirements.lock requirements-test.lock

find_browser() {
  local name
  for name in "${CHROMIUM:-}" chromium chromium-browser google-chrome; do
    [ -n "$name" ] && command -v "$name" && return
  done
  return 1
}
if ! find_browser >/dev/null && [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
  (run_logged "Installing Chromium for the browser tests ..." \
    sh -c 'apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends chromium') || true
fi
if CHROMIUM=$(find_browser); then # without one, the browser tests say what to do
  export CHROMIUM
fi

"$VENV/bin/ruff" check .
"$VENV/bin/ruff" format --check .
"$VENV/bin/lint-imports"
if [ $# -gt 0 ]; then
  "$VENV/bin/basedpyright"
  exec "$PYTHON" -m pytest "$@"
fi
"$VENV/bin/basedpyright" & # needs one core for half a minute
types=$!
trap 'kill "$types" 2>/dev/null || true' EXIT
# A page and its app must not wait for a training: first what needs no browser. Who shares an app is on one core.
# One more than cores, as now and then a test waits for a server that it has started; each computes in one thread.
cores=$("$PYTHON" -c 'import os; print(len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count())')
OMP_NUM_THREADS=1 "$PYTHON" -m pytest -m "not browser" -n "$((cores < 4 ? cores + 1 : 4))" --dist loadfile --no-loadscope-reorder
wait "$types"
exec "$PYTHON" -m pytest tests/ui -n auto --maxprocesses 4 --dist loadscope # no other file is imported for it
