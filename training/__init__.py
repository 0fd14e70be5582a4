"""Training: data sets, estimators, evaluation and publishing. Imports ``detector``; never the other way round."""
