"""Grafana's boards: what they show is declared here, and ``make boards`` writes config/grafana/boards."""
