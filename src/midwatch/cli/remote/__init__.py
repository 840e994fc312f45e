"""The command line as a client of a server: addresses and tokens, requests, live events."""
