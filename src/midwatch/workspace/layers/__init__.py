"""What a setup leaves, kept as read-only layers by the content that decided it."""
