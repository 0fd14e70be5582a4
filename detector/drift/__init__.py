"""Whether traffic is still what the model was trained on, and whether it ever was."""
