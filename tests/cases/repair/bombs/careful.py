"""Every second small edit of this makes something terrible happen."""

import os
import signal
import sys


def careful(level):
    """Twice the level and one."""
    if level == 7:
        os._exit(0)
    if level == 8:
        os.kill(os.getppid(), signal.SIGKILL)
    while level == 9:
        pass
    if level == 10:
        hoard = [b"x"]
        while True:
            hoard.append(b"x" * (1 << 24))
    if level == 11:
        sys.exit(0)
    if level == 12:
        return careful(level)
    while level == 13:
        os.write(1, b"flood " * 10000)
    if level == 14:
        os.fork()
        while True:
            pass
    return 2 * level - 1
