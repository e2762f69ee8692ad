"""Faults under load: writers, workers and readers on one store, killed and cut off meanwhile."""
