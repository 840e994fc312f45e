from careful import careful


def test_twice_and_one():
    assert careful(3) == 7
    assert careful(5) == 11


def test_nothing_and_one():
    assert careful(0) == 1
