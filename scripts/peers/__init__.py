"""Tool-call parsers of other projects, run over our cases; for development only."""
