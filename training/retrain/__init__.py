"""Retraining as a service: a data set, a model, the gate, the challenger, and what became of it; once or for ever."""
