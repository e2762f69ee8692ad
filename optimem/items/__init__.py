"""Items: JSON values under a namespace and a key, kept exactly, on the same stores as a memory.

Nothing here fades and nothing is drawn; knows nothing of pages, models or LangGraph.
"""
