"""Model cards: what the makers of a model recommend for sampling, and which model is which."""

from seatrial.serve.cards.card import Card, Memory, ModeName, Thinks, cards
from seatrial.serve.cards.match import card_for, says_nothing

__all__ = ["Card", "Memory", "ModeName", "Thinks", "card_for", "cards", "says_nothing"]
