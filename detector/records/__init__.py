"""Flow formats: raw values in, canonical flows out. Pure: no Kafka, no clock, no files."""
