"""What a model can do. A failed tool is a result that the model reads, never an exception."""
