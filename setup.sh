# Makes .venv with exactly the locked versions; read by serve.sh and tests/run.sh. Does nothing when it is up to date.
VENV="$PWD/.venv"
PYTHON="$VENV/bin/python"
unset PYTHONDONTWRITEBYTECODE # what is compiled is kept: else each start, and each process of the tests, compiles anew

say() { printf '%s\n' "$*"; }

fail() {
  say "$1" >&2
  exit 1
}

find_python() {
  local name # Debian has venv without ensurepip: it makes environments that lack pip
  for name in "${PYTHON3:-}" python3.13 python3.12 python3.11 python3; do
    if [ -n "$name" ] && command -v "$name" >/dev/null &&
      "$name" -c 'import sys, venv, ensurepip; raise SystemExit(sys.version_info < (3, 11))' 2>/dev/null; then
      command -v "$name"
      return
    fi
  done
  fail "seg_app needs Python 3.11 or newer with the venv module (Debian: apt install python3-venv). Install it, or set PYTHON3 to its path."
}

run_logged() { # run_logged WORDS COMMAND...: one line for people; all that pip says only when it fails
  local words=$1 log="$VENV/setup.log"
  shift
  say "$words"
  "$@" >"$log" 2>&1 || { tail -n 20 "$log" >&2; fail "That failed. The whole log is in $log."; }
}

make_environment() { # also in place of one that was left half made
  local py
  py=$(find_python) || exit 1 # `fail` ends the subshell only
  say "Making the environment in .venv ..."
  rm -rf "$VENV"
  "$py" -m venv "$VENV"
}

install_locked() { # install_locked LOCK...
  local stamp="$VENV/installed" wanted lock
  wanted="$(cat "$@" requirements-sam2.lock pyproject.toml setup.sh | cksum) $*"
  [ -f "$stamp" ] && [ "$(cat "$stamp")" = "$wanted" ] && return
  "$PYTHON" -m pip --version >/dev/null 2>&1 || make_environment
  # Not compiled here: three of four files are never imported, the others are compiled when they are.
  local pip=("$PYTHON" -m pip install --disable-pip-version-check --no-deps --no-compile)
  for lock in "$@"; do
    run_logged "Installing $(wc -l <"$lock") libraries; this takes a minute or two ..." "${pip[@]}" -r "$lock"
  done
  # The build of sam2 imports torch; an isolated build would fetch another one, with several GB of CUDA.
  run_logged "Installing SAM 2.1 and seg_app ..." env SAM2_BUILD_CUDA=0 \
    "${pip[@]}" --no-build-isolation -r requirements-sam2.lock -e .
  printf '%s' "$wanted" >"$stamp"
}
