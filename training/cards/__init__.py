"""The model card: what a model was trained on, what it finds and misses; for people and for programs."""
