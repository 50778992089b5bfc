"""Bytes to columns: the scanner, the checked slow path, dispositions of what cannot be read."""
