#!/usr/bin/env bash
# Install what is missing, make the sample data, start the app. The second start takes seconds.
set -euo pipefail
cd "$(dirname "$0")"
. ./setup.sh
install_locked requirements.lock
"$PYTHON" data/make_samples.py
exec "$VENV/bin/seg-app" serve "$@"
