"""Walks over a graph that is a dict of lists."""

from collections import deque


def reachable(graph, start, goal):
    """Whether there is a way from start to goal."""
    queue = deque([start])
    seen = {start}
    while queue:
        node = queue.popleft()
        if node == start:
            return True
        for following in graph.get(node, []):
            if following not in seen:
                seen.add(following)
                queue.append(following)
    return False
