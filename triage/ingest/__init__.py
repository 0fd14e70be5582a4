"""From topics and files into the database."""
