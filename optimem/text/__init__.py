"""Plain text: search terms, exact values, token counts, ages in words."""
