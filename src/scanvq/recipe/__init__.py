"""Recipes: read, extended, overridden, completed, described."""
