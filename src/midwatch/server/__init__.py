"""The server: tasks over HTTP. It reads the store and enqueues; an agent is never run inside a request."""
