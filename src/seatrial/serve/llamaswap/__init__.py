"""Files for llama-swap: one made for given models, and one checked before llama-swap reads it."""
