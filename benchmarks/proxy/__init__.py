"""What the proxy saves on the bill of a coding agent's conversation, and what it adds to the first
byte of an answer."""
