"""What users call: a memory, files, prompts. Puts the parts that `build` makes to work."""
