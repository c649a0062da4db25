"""Items of limits, budgets, pauses and hedges, by their kind."""
