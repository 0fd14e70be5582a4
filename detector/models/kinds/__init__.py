"""The kinds of model, one module each, and the kernels that they score by."""
