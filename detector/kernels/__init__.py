"""What compiled code is made of: numba's wrapper, bytes, texts, hash tables, clocks."""
