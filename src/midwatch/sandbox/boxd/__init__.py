"""The exec server: the first process of a box and the parent of every command in it.

It runs inside, on the box's own or the host's Python (3.9 or later), so it uses nothing but the standard library, and
little of that: what it imports is what a box costs to start. The host talks to it by `midwatch.sandbox.channel`.
"""
