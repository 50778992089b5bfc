"""Labelled traffic: merchants, shoppers, violations, and the look-alikes that must stay silent."""
