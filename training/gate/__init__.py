"""What a model must pass before it may take part: rules, and what became of each."""
