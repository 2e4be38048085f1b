"""Server families: which program answers, and what it says of itself."""
