"""A batch's way through its seven steps, in threads, to the commit."""
