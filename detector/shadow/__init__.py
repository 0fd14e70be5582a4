"""A challenger scored beside the champion, what comes of comparing them, and promotion and rollback by it."""
