"""Settings of all tests."""

from hypothesis import settings

# A shared machine is slow now and then; a budget is a benchmark's business, not a property's.
settings.register_profile("seatrial", deadline=None)
settings.load_profile("seatrial")
