#!/usr/bin/env bash
# From a fresh clone to answers: set up vsearch, index the example photographs, search them by words
# and by picture. Needs Python 3.11 or newer with pip, a C++ compiler and a package registry; after
# that, no network. The index goes to a temporary folder, which is removed at the end.
set -euo pipefail
cd "$(dirname "$0")/.."
source examples/environment.sh
PATH="$ENVIRONMENT/bin:$PATH"
VSEARCH_INDEX=$(mktemp -d)
export VSEARCH_INDEX
trap 'rm -rf "$VSEARCH_INDEX"' EXIT

run() {
    local argument shown='$'
    for argument; do
        case $argument in
        *' '*) shown="$shown \"$argument\"" ;;
        *) shown="$shown $argument" ;;
        esac
    done
    printf '\n%s\n' "$shown"
    "$@"
}

run vsearch index examples/photos
run vsearch search "a castle on a hill" -k 3
run vsearch search examples/photos/IMG_0010.jpg -k 3
run vsearch search 2:dog grass --minus snow -k 3 --json
run vsearch status
