"""The settings: their declarations, how they are read, and the pages that are made from them."""
