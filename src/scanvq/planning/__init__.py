"""Plans a run for any folder of scans: a recipe, the reason of every value, and a cost estimate."""
