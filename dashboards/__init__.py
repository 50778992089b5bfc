"""Grafana dashboards, Prometheus rules and Alertmanager's routes as code, and the files they generate."""
