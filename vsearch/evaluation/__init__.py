"""Truth and embeddings -> metrics, and whether they are good enough.

The metrics, pure functions of arrays:

    ranking         where the relevant items came, ties and all -> recall@k, AP, MAP@R, nDCG, ...
    classification  predicted and true classes -> accuracy, F1, confusion
    verification    cosines of pairs that match and pairs that do not -> ROC-AUC, EER, TAR@FAR
    calibration     probabilities and what came true -> expected calibration error
    significance    values by query -> intervals, and whether one model is better than another
    estimates       values by query -> metrics with their intervals

The evaluation of a model:

    gallery         what is searched, with its embeddings in memory
    texts           words -> embeddings
    retrieval       queries and a gallery -> the value of every metric by query, block by block
    protocols/      what is asked of what, by the kind of truth
    latency         how long a query takes on this machine
    evaluate        one model on one truth: all of the above, in turn
    results         what that comes to, as frozen values

What follows from it:

    judgements      what a truth says, to be known again
    comparison      whether one model is better than another
    gates           requirements, and whether it is worse than an earlier one
    record          all of it as JSON, and what is read of an earlier one
"""
