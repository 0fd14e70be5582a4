"""Metrics, health and model information over HTTP."""
