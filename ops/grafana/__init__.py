"""The Grafana dashboards as code: `python -m ops.grafana` writes `dashboards/*.json`; nothing here runs in the service."""
