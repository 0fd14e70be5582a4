"""One module a format: which fields it has, and what they mean."""
