"""Makes local open-weight models work as coding agents, and proves it."""

__version__ = "0.1.0"
__all__ = ["__version__"]
