"""Draws dashboards from the queries of their JSON, run against a Prometheus. It is not Grafana."""
