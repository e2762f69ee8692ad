"""Pages that grow smaller with age, and the workers that see to it."""
