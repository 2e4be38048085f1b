"""Server families: which program answers, and what it says of itself."""

from seatrial.serve.families.identity import identify, read_facts
from seatrial.serve.families.registry import FAMILIES, traits_of

__all__ = ["FAMILIES", "identify", "read_facts", "traits_of"]
