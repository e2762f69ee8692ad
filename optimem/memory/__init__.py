"""The engine of a memory: records and their bytes, pages, recall, answers, fading, forgetting."""
