"""Measurements of speed and quality against named peers; each is run by make, none is part of the tests."""
