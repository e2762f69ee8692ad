"""Fakes for tests of what is built on optimem: a renderer, a model and a store in memory."""
