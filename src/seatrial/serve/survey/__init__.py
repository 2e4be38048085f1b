"""Survey: about a dozen requests that show what a server really does."""
