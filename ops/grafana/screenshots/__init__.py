"""Pictures of the dashboards, drawn by the panel components of Grafana from what a Prometheus answers."""
