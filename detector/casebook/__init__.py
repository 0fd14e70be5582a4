"""Incidents as they are read: documents back into data, the latest revision of each, and pages for people."""
