"""What is tuned for one kind of machine, each beside its plain reference."""
