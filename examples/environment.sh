# Sourced by quickstart.sh and tests/run.sh: makes the virtual environment .venv in the repository's
# root and installs vsearch into it, unless that was done for this very pyproject.toml.
# First argument: "" or the extra to install ("dev"). Sets ENVIRONMENT to the environment's path.

ENVIRONMENT="$PWD/.venv"
extra=${1:+[$1]}
stamp="$ENVIRONMENT/.installed${1:+-$1}"

if ! cmp -s pyproject.toml "$stamp"; then
    python=${PYTHON:-}
    for candidate in python3 python3.13 python3.12 python3.11; do
        [ -n "$python" ] && break
        "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null &&
            python=$candidate
    done
    if [ -z "$python" ]; then
        echo "vsearch needs Python 3.11 or newer; install it or name it with PYTHON=..." >&2
        exit 2
    fi
    echo "setting up $ENVIRONMENT (a few minutes the first time: torch is large) ..." >&2
    [ -x "$ENVIRONMENT/bin/python" ] || "$python" -m venv "$ENVIRONMENT"
    "$ENVIRONMENT/bin/python" -m pip install --quiet --disable-pip-version-check \
        --editable ".$extra"
    cp pyproject.toml "$stamp"
fi
