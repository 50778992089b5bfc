"""Evaluation of alerts on labelled traffic: matching, metrics, plots and the report page."""
