"""The small models that ship with the package: what the product is demonstrated on."""

from seatrial.models.catalogue import (
    ADAPTERS,
    MODELS,
    ShippedModel,
    adapter_path,
    model_path,
    profile_for,
)

__all__ = ["ADAPTERS", "MODELS", "ShippedModel", "adapter_path", "model_path", "profile_for"]
