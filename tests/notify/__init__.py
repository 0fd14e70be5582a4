"""Messages about incidents: what is said, when, to whom, and what becomes of it where nobody answers."""
