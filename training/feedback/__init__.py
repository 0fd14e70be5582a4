"""Labels into models: leaves of a forest learnt from what people said of rows."""
