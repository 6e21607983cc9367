"""The operator's view of a running service: log lines, metrics, readiness."""
