"""Kinds of controls, a module for each: what may be published, what is in force before, and where it takes effect."""
