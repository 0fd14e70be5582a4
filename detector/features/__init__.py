"""Features: canonical flows in, a float32 matrix out. The same code trains and serves."""
