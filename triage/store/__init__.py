"""Triage's database: what was found, what people said of it, and what still has to be sent."""
