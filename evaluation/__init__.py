"""Judging alerts against labelled traffic: matching, metrics, plots and the report page."""
