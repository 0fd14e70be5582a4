"""Evaluation that mimics reality."""
