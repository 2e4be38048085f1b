"""The gateway: a proxy between any client and its server, with the guard rules in between."""

from seatrial.gateway.app import Gateway
from seatrial.gateway.server import (
    address_of_this_machine,
    check_address,
    listen,
    serve,
    serving,
    url_of,
)
from seatrial.gateway.settings import Bounds, Pin, Settings, UpstreamSpec

__all__ = [
    "Bounds",
    "Gateway",
    "Pin",
    "Settings",
    "UpstreamSpec",
    "address_of_this_machine",
    "check_address",
    "listen",
    "serve",
    "serving",
    "url_of",
]
