"""The demo: the whole loop on one machine, with an embedded Kafka."""
