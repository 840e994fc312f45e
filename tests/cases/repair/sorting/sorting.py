"""Sorting by joining ordered halves."""


def joined(left, right):
    """Two ordered lists as one."""
    result = []
    i = j = 0
    while i < len(left) and j < len(right):
        if left[i] <= right[j]:
            result.append(left[i])
            i += 1
        else:
            result.append(right[j])
            j += 1
    result.extend(left[i:] or right[j:])
    return result


def in_order(things):
    """A new, ordered list."""
    if len(things) == 0:
        return things
    middle = len(things) // 2
    return joined(in_order(things[:middle]), in_order(things[middle:]))
