"""The recipe: its schema and its loader."""
