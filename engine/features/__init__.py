"""Columns to rows of features: merchants' rows, the compiled kernel and the feature families."""
