"""Log, metrics and events: how each part tells of itself. Knows none of them."""
