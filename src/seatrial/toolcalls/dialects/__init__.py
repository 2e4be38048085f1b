"""One module per dialect: read and render. Registered in `toolcalls.registry`."""
