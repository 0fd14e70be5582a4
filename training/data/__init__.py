"""Data sets as versions: built once, never changed, named by the models that are trained on them."""
