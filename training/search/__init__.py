"""Choosing hyperparameters, features and member weights by search, and telling honestly what that was good for."""
