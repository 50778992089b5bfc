"""Channels that notices go out by: one module each, without a database. `contract.py` says what each of them is."""
