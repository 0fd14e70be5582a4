"""Transports: Kafka by two clients, files, memory; one interface."""
