"""optimem."""
