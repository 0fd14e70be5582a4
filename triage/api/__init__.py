"""What programs ask: JSON below ``/api/v1``, and what probes and Prometheus ask."""
