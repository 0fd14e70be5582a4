"""What OCSF and ECS demand of a document, as facts of their published schemas, and a validator that goes by them."""
