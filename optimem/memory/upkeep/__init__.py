"""A memory as a whole: forgetting, checking, copies, limits, statistics."""
