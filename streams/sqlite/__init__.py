"""The embedded log backend: one SQLite file, one worker."""
