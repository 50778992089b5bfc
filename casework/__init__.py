"""Casework: alerts and causes filed in a database, the cases that people make of them, and an audit of every change."""
