"""Checkpoints: what one partition remembers, as pages of which only what changed is written."""
