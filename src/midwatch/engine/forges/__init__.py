"""What a server keeps of forges on the network: what a repository wants of its own, what has come in, who is who."""
