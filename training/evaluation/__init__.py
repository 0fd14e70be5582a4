"""How good a model is, as ranges: splits, attacks, figures, and the report that gate and card are made from."""
