"""The way out of a box: a proxy on the host that reaches allowed hosts only, on behalf of a box that has no route."""
