"""What is stored of a scope, its bytes, and the atomic commits that change it."""
