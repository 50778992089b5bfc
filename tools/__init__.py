"""Builders of the data files that are shipped."""
