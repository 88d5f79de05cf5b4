"""Sample invoices, each a line of manifest.toml and a test; made by samples/make.py. Nothing here is a real company's document."""
