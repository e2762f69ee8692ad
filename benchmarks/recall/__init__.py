"""How much of what answers a question comes back, and for how many tokens."""
