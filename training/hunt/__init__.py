"""``oddflow hunt``: learns from a folder of logs, judges each stretch of them by the others, and writes one page."""
