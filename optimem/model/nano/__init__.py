"""The embedded model, `optimem-nano`: its network, its weights, and pages through both."""
