def a():
    return 1
def b():
    pass
def c():
    return 3
