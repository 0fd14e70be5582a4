"""A comparison: the published kinds beside detectors from a shelf, on the same features and the same random splits."""
