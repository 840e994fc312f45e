"""The `*** Begin Patch` format: grammar, parser, application."""
