"""Alerts: which scores are worth telling, and the document that tells it."""
