"""The embedded model, `optimem-nano`."""
