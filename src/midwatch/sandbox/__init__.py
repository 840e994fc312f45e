"""Where commands run: boxes without network, credentials or host files. Knows argv and bytes; not git, not models."""
