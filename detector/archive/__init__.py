"""Decoded flows that the daemon keeps, to train on later: by day, bounded, a sample by source where there are many."""
