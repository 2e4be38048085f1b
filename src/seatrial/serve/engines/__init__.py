"""Programs that serve a model: one module each, and what starting any of them has in common."""
