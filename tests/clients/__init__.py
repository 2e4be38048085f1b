"""Real clients, run headless against a scripted model that has one fault."""
