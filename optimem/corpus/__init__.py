"""A corpus of documents as vision tokens: encoded by many workers, stored in shards, read back.

`documents` finds what there is to encode, `encoding` is what a worker does, `local` and `on_ray`
run workers, `shards` holds what they made, and `run` brings these together. The only room that
knows Ray and Parquet.
"""
