"""The terminal interface: a conversation on one screen. Needs the extra `tui`; nothing else imports it."""
