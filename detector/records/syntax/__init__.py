"""JSON and separated values: where each wanted field lies, and what it says."""
