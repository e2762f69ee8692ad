"""Adapters: translations between optimem and the frameworks that agents are built with.

No logic lives here. There is none yet; the first will be LangChain's.
"""
