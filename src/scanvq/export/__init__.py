"""A trained model to be passed on: in one file, without anything that names a scan or a subject."""
