"""Models as plain arrays: score, explain, calibrate, bundle."""
