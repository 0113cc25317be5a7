"""Truth and embeddings -> metrics, and whether they are good enough.

ranking         where the relevant items came, ties and all -> recall@k, AP, MAP@R, nDCG, ...
classification  predicted and true classes -> accuracy, F1, confusion
verification    cosines of pairs that match and pairs that do not -> ROC-AUC, EER
calibration     probabilities and what came true -> expected calibration error
significance    values by query -> intervals, and whether one model is better than another
results         what an evaluation comes to, as frozen values
"""
