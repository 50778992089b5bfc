"""Tasks: what a rep shall do at a shop and by when, what it answered, and the photos that it took.

A task never exists for a case of money laundering, and nothing of such a case is read to make, list or answer one:
two merchants alike but for such a case have the same tasks, in the same order.
"""
