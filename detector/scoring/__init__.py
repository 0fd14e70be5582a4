"""From flows to what is told of them: by a model, with what is remembered of each partition."""
