"""From a folder that nobody has seen to a recipe: every value with its reason, and what it will cost."""
