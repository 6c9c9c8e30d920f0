#!/usr/bin/env bash
# Write requirements.lock and requirements-test.lock anew: the newest versions that pyproject.toml allows.
# Run it, run tests/run.sh, look at what changed, commit.
set -euo pipefail
cd "$(dirname "$0")"
fresh=$(mktemp -d)
trap 'rm -rf "$fresh"' EXIT
"${PYTHON3:-python3}" -m venv "$fresh"
pip() { "$fresh/bin/python" -m pip --disable-pip-version-check "$@"; }
frozen() { pip freeze --all --exclude pip --exclude seg-app | sed -E 's/\+cpu$//' | LC_ALL=C sort -f; }

# One release of torch and its partner: newer ones may bring several GB of CUDA where no GPU is.
pip install --quiet torch==2.13.0 torchvision==0.28.0 setuptools wheel hatchling editables
SAM2_BUILD_CUDA=0 pip install --quiet --no-build-isolation -e '.[sam,samples]'
frozen >requirements-all.lock
grep '^sam2==' requirements-all.lock >requirements-sam2.lock # built by itself: see setup.sh
grep -v '^sam2==' requirements-all.lock >requirements.lock
SAM2_BUILD_CUDA=0 pip install --quiet --no-build-isolation -e '.[sam,samples,test]'
frozen | grep -vxFf requirements-all.lock >requirements-test.lock
rm requirements-all.lock
