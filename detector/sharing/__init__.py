"""Models for programs in other languages: the same arithmetic as a graph that any ONNX runtime runs.

Nothing here is imported by the daemon; the package ``onnx`` comes with the extra of that name.
"""
