"""Notices: who is told what at which shop, when, over which channel, and what became of it."""
