"""Package data: read through importlib.resources, holds no code."""
