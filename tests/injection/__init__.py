"""Text that tells the agent to do harm, from every place where text comes from, and a model that obeys it."""
