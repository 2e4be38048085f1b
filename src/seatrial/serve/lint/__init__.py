"""Lint: known ways to configure a server or a client wrongly, found in settings and facts."""
