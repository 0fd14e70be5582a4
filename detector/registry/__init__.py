"""The model registry: immutable versions, aliases, history; and the watcher that brings new ones in."""
