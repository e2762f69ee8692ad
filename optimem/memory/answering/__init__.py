"""Answers from what was recalled: quoted, or written by a model and checked."""
