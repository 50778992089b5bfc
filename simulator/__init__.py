"""Labelled traffic: merchants, shoppers, violations, and the controls that must stay silent."""
