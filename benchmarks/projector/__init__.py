"""What a projector is worth beside the text that as many tokens, or bytes, would buy."""
