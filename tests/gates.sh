#!/usr/bin/env bash
# The quality gates of the built-in model `mini` on the example photographs. Exits with 1, and a line
# for each, when one fails. Each bound is two photographs of 48 below what README.md states, or as
# much of a mean: what another processor's arithmetic may move. Needs `vsearch` on the PATH.
set -euo pipefail
cd "$(dirname "$0")/.."
export VSEARCH_NO_CONFIG=1
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
vsearch index examples/photos --index "$work/index" --quiet
vsearch evaluate examples/photos/captions.csv --index "$work/index" --no-latency \
    --require 'text_to_image.recall@1>=0.62' --require 'text_to_image.recall@5>=0.91' \
    --require 'text_to_image.mrr>=0.75' --require 'image_to_text.hit_rate@1>=0.64' \
    --require 'text_to_image.ece<=0.08' --require 'graph.recall@10>=0.95'
vsearch evaluate examples/photos/labels.csv --index "$work/index" --no-latency \
    --require 'hit_rate@1>=0.61' --require 'map@r>=0.33' --require 'roc_auc>=0.75' \
    --require 'zero_shot.top1_accuracy>=0.6' --require 'nearest_neighbour.top1_accuracy>=0.61'
