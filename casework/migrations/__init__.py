"""Versions of the store's tables, forth and back."""
