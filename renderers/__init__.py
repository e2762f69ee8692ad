"""How pages are drawn: `dense` for the embedded model, `readable` for people and large models.

Knows nothing of models, stores or memory; the only place that uses Pillow and FreeType.
"""
