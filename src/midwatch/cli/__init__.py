"""The command line. Renders what others decide; holds no rules."""
