"""What people's labels teach a model: of which flows they are, how much each may move, and what is told of it."""
