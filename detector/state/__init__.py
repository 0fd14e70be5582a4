"""What the judge remembers of each partition, kept so that it survives a restart, a kill and a rebalance."""
