"""What each metric is, in a sentence, for who reads a report."""

from __future__ import annotations

import re

_MEANINGS = {
    "recall@": "the share of all relevant items that are among the first {k}; where one item is "
    "relevant, how often that is",
    "precision@": "the share of the first {k} items that are relevant",
    "hit_rate@": "how often a relevant item is among the first {k}",
    "ndcg@": "discounted cumulative gain of the first {k}, by that of the best order there is: "
    "grades count by rank, less further down (Järvelin and Kekäläinen 2002)",
    "ndcg": "discounted cumulative gain, by that of the best order there is: grades count by rank, "
    "less further down (Järvelin and Kekäläinen 2002)",
    "mrr": "one by the rank of the first relevant item",
    "map": "the precision at the rank of each relevant item, averaged over these",
    "map@r": "the precision at the rank of each relevant item among the first R, summed and "
    "divided by R, which is how many are relevant: 1 only where all of these R are right "
    "(Musgrave, Belongie and Lim 2020)",
    "r_precision": "the precision of the first R items, R being how many are relevant",
    "median_rank": "the rank at which the first relevant item comes, for half of the queries",
    "top": "the share of pictures whose own class is among the {k} most likely",
    "balanced_accuracy": "the share of each class's pictures that get this class, averaged over "
    "classes",
    "macro_f1": "the harmonic mean of precision and recall of each class, averaged over classes: "
    "rare ones count as much as frequent ones",
    "micro_f1": "the harmonic mean of precision and recall over all pictures",
    "roc_auc": "how often a pair that matches has a higher cosine than one that does not",
    "tar@0.001": "the share of matching pairs found where one in a thousand others is taken for one",
    "eer": "the share of errors at the cosine where as many matching pairs are missed as others "
    "are taken for matching; less is better",
    "ece": "how far stated probabilities are from what comes true; less is better "
    "(Naeini, Cooper and Hauskrecht 2015)",
}  # fmt: skip


def meaning(metric: str) -> str:
    """Return what a metric is, as "recall@10"; "" for one that is not known here."""
    metric = metric.lower()
    metric = re.sub(r"^top-?(\d+)_accuracy$", r"top\1", metric)
    name = metric.rstrip("0123456789")
    k = metric[len(name) :]
    for known in (metric, name):
        if known in _MEANINGS and (k or "{k}" not in _MEANINGS[known]):
            return _MEANINGS[known].format(k=k)
    return ""
