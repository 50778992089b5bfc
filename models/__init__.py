"""The volume model and the anomaly model: vectors, training, scoring, artefacts."""
