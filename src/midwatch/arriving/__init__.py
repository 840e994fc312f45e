"""Acting on what has come in from forges: by workers, each thing once."""
