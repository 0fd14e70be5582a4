"""The documentation: its links, its style, its site, and that its commands do what it says."""
