"""Which scores are worth telling: how odd flows are with what came before, held against a budget."""
