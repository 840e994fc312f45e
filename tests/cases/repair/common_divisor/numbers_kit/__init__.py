"""Number tools."""
