"""Incidents: alerts that belong together, what kind they are, and the document that tells it."""
