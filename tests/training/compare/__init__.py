"""Tests of ``training.compare``."""
