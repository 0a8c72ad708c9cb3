"""Conditions of samples: named categories such as a label, and numbers such as an age."""
