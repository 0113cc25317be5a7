#!/usr/bin/env bash
# Set up everything and run the tests: ./tests/run.sh [PYTEST ARGUMENT ...]
# Needs Python 3.11 or newer with pip, a C++ compiler (hnswlib is built from source) and a package
# registry. The second run skips the set-up. PYTHON names another interpreter. Tests run on all cores;
# `-n 0` runs them one after the other, as a debugger needs it.
set -euo pipefail
cd "$(dirname "$0")/.."
source examples/environment.sh dev
exec "$ENVIRONMENT/bin/python" -m pytest -n auto --dist worksteal "$@"
