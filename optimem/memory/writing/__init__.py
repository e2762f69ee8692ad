"""Turns on their way to pages: which are new, the tail, layout, drawing."""
