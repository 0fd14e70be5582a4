"""Labelled, seeded, realistic traffic."""
