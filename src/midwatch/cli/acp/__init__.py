"""The Agent Client Protocol: editors drive conversations. Imported by `midwatch acp` alone."""
