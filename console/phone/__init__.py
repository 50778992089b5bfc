"""The rep's pages, made for a phone: who may see them, and what they are made of."""
