"""Kafka by two clients, and what they share: topics, positions, errors, sizes, the rule of partitions."""
