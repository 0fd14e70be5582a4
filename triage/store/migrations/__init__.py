"""How the tables changed, one step after the other."""
