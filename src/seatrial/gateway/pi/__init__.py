"""Setting up pi: our extension in its folder, and the gateway among its providers."""

from seatrial.gateway.pi.extension import (
    FACTORS,
    Change,
    Found,
    home_of,
    install,
    look,
    remove,
)
from seatrial.gateway.pi.models_file import add_provider, remove_provider

__all__ = [
    "FACTORS",
    "Change",
    "Found",
    "add_provider",
    "home_of",
    "install",
    "look",
    "remove",
    "remove_provider",
]
