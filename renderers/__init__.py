"""How pages are drawn: `dense` for the embedded model, `ruled` for a model that reads any page,
`readable` for people and large vision models.

The only package that draws with Pillow and FreeType. Knows nothing of models, stores or memory.
"""
