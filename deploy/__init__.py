"""How Pixelmill is run: the embedded stack, migrations and deployment files."""
