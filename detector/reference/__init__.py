"""The pages that are made from declarations."""
