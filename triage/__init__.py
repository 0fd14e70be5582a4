"""People watch what was found, and correct it: a database, a page and an interface for programs."""
