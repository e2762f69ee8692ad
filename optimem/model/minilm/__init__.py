"""A small sentence model, all-MiniLM-L6-v2: its words, and its network from a wheel that the extra
`embeddings` brings."""
