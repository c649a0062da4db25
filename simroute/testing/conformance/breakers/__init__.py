"""Items of circuit breakers: how each family is told what it does, and played."""
