"""The proxy: point a client's base URL at it, and requests go on to OpenAI, Anthropic or another
provider; without a mode as they came, with one with memory in place of old messages.

`app` is the ASGI application, `forwarding` hands requests and answers through. Knows nothing of
accounts: a client's key goes on to the provider, and is neither stored nor logged.
"""
