"""Items: JSON values under a namespace and a key, kept exactly, on the same stores as a memory.

Nothing here fades or becomes a page. Knows nothing of models or LangGraph.
"""
