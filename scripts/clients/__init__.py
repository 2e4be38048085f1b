"""The report of `scripts/client_table.py`."""
