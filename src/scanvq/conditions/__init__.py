"""Named values that samples are asked for: categories such as a label, numbers such as an age."""
