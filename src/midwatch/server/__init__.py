"""The server: reads the store and queues work over HTTP. Never runs an agent."""
