"""Plain text, no pages: tokens counted, exact values found, terms to search by."""
