"""Each family of edits mends a fault of its kind: `before ~> after`, inside a function, on one suspicious line."""

from __future__ import annotations

import pytest

from midwatch.models.repair.box.edits import Context, apply, enumerate_edits, same_meaning

PAIRS = """
if a < b: return a ~> if a <= b: return a
if a == b: return a ~> if a != b: return a
if a is None: return b ~> if a is not None: return b
if a in xs: return b ~> if a not in xs: return b
if a == b: return a ~> if a is b: return a
if 0 < a < b < 9: return a ~> if 0 < a < b: return a
if a in xs: return a ~> if xs in a: return a
if a and b: return a ~> if a or b: return a
return a and b and xs ~> return a or b or xs
if not a: return b ~> if a: return b
while a: b() ~> while not a: b()
return [x for x in xs if x] ~> return [x for x in xs if not x]
return a + b ~> return a - b
return a // b ~> return a / b
return a % b ~> return b % a
return a - b ~> return b - a
return a & b ~> return a | b
return a << b ~> return a >> b
return (a + b) * 2 ~> return a + b * 2
return a + b % 2 ~> return (a + b) % 2
return a + b * 2 ~> return a * b + 2
return -(a + b) ~> return -a + b
return not (a or b) ~> return not a or b
return a and (b or xs) ~> return a and b or xs
a += b ~> a -= b
a += b ~> a = b
a = b ~> a += b
a += b ~> a = b + a
return -a ~> return a
return ~a & b ~> return a & b
return a ** 2 ~> return a ** 3
return 1 ~> return 0
return xs[0] ~> return xs[-1]
return True ~> return False
a = True ~> a = None
a = None ~> a = []
return 0.5 ~> return 1.5
return xs[a] ~> return xs[a - 1]
return xs[a + 1] ~> return xs[a]
return xs[a:b] ~> return xs[a:b + 1]
return xs[a:] ~> return xs[:a]
return xs[:b] ~> return xs[1:b]
return xs[::-1] ~> return xs[:]
return xs[a] ~> return xs[a:]
return sum(xs) ~> return sum(xs[1:])
return xs[a][b] ~> return xs[b][a]
for a in range(len(xs)): b(a) ~> for a in range(len(xs) - 1): b(a)
for a in range(b): xs(a) ~> for a in range(1, b): xs(a)
for i, x in enumerate(xs): b(i) ~> for i, x in enumerate(xs, 1): b(i)
return f(a, b) ~> return f(b, a)
return f(a, b) ~> return f(a)
return f(a, key=b) ~> return f(a)
return f(a, left=a, right=b) ~> return f(a, left=b, right=a)
return f(a) ~> return f(a, b)
return f(a) ~> return f(b, a)
return f(a, flag=True) ~> return f(a, flag=False)
return min(a, b) ~> return max(a, b)
return any(xs) ~> return all(xs)
xs.append(a) ~> xs.extend(a)
return text.startswith(a) ~> return text.endswith(a)
return text.lstrip() ~> return text.rstrip()
return sorted(xs) ~> return sorted(xs, reverse=True)
return sorted(xs) ~> return sorted(xs, key=len)
return a ~> return b
return f(xs[a], a) ~> return f(xs[b], a)
return a.left ~> return a.right; a.right
return other(a) ~> return helper(a)
return a ~> return a or []
return a or b ~> return a
return a if b else xs ~> return xs if b else a
return a if b else xs ~> return a
if a: return b ~> if a and b: return b
if a: return b ~> if a or b: return b
if a and b: return b ~> if b: return b
if a: return b ~> if a is not None: return b
return False ~> return a == b
return len(xs) ~> return xs
return xs ~> return list(xs)
return a ~> return str(a)
return a ~> return a + b
return a ~> return [a]
return xs ~> return xs.copy()
return f(a)[0] ~> return f(a)
return a.b.c ~> return a.b
return f(*xs) ~> return f(xs)
f(a) ~> return f(a)
f(a) ~> a = f(a)
yield a ~> yield from a
return a, b ~> return b, a
a, b = xs ~> b, a = xs
return {k: v for k, v in xs} ~> return {v: k for k, v in xs}
return [x for x in xs if x > 0] ~> return [x for x in xs]
return [x for x in xs] ~> return [x for x in xs if x]
return {x for x in xs} ~> return [x for x in xs]
return [a] ~> return [*a]
raise ValueError(a) ~> raise TypeError(a)
return "abc" ~> return "ab"
return a + "," ~> return a + ", "
return "%s" % a ~> return "%r" % a
return "x" ~> return "X"
return f"{a}-{b}" ~> return f"{a}-{a}"
return f"{a:>3}" ~> return f"{a}"
for x in xs: pass ~> for x in xs: break
for x in xs: break ~> for x in xs: continue
xs[a] = b ~> xs[b] = a
a = b ~> b = a
lambda: a ~> lambda: b
assert a > b ~> assert a >= b
return await_(a, b) ~> return await_(a)
xs.append(a) ~> xs.insert(0, a)
a = set() ~> a = []
"""

BLOCKS = {
    "a statement goes": ("a = 1\nb = 2\nreturn b", "a = 1\nreturn b"),
    "a statement moves down": ("b = a\na = 1\nreturn b", "a = 1\nb = a\nreturn b"),
    "a statement leaves the loop": (
        "for x in xs:\n    a += x\n    b += 1\nreturn a",
        "for x in xs:\n    a += x\nb += 1\nreturn a",
    ),
    "a statement enters the loop": (
        "for x in xs:\n    a += x\nb += 1\nreturn a",
        "for x in xs:\n    a += x\n    b += 1\nreturn a",
    ),
    "a condition goes": ("if a:\n    b += 1\nreturn b", "b += 1\nreturn b"),
    "an else goes": ("if a:\n    b = 1\nelse:\n    b = 2\nreturn b", "if a:\n    b = 1\nb = 2\nreturn b"),
    "if becomes while": ("if a > b:\n    a -= b\nreturn a", "while a > b:\n    a -= b\nreturn a"),
    "while becomes if": ("while a > b:\n    a -= b\nreturn a", "if a > b:\n    a -= b\nreturn a"),
    "if becomes elif": (
        "if a:\n    a = 0\nif b:\n    b = 2\nreturn b",
        "if a:\n    a = 0\nelif b:\n    b = 2\nreturn b",
    ),
    "elif becomes else": (
        "if a:\n    b = 1\nelif b:\n    b = 2\nreturn b",
        "if a:\n    b = 1\nelse:\n    b = 2\nreturn b",
    ),
    "else becomes elif": (
        "if a:\n    b = 1\nelse:\n    b = 2\nreturn b",
        "if a:\n    b = 1\nelif b:\n    b = 2\nreturn b",
    ),
    "a guard is added": ("return xs[0]", "if not xs:\n    return None\nreturn xs[0]"),
    "a loop is left": ("for x in xs:\n    a = x\nreturn a", "for x in xs:\n    a = x\n    break\nreturn a"),
    "a call is added": (
        "a = []\nfor x in xs:\n    f(x)\nreturn a",
        "a = []\nfor x in xs:\n    f(x)\n    a.append(x)\nreturn a",
    ),
    "an exception is exchanged": (
        "try:\n    return xs[a]\nexcept IndexError:\n    return b",
        "try:\n    return xs[a]\nexcept KeyError:\n    return b",
    ),
}


def body(text: str) -> bytes:
    """A function that holds the text, in a module with another function."""
    lines = "\n".join("    " + line for line in text.split("\n"))
    return f"def f(a, b, xs, text=''):\n{lines}\n\n\ndef helper(x):\n    return x\n".encode()


def mended(before: str, after: str) -> bool:
    """Whether one of the first edits of the text gives the other."""
    source, wanted = body(before), body(after)
    suspicion = dict.fromkeys(range(2, 2 + before.count("\n") + 1), 1.0)
    edits = enumerate_edits("m.py", source, suspicion, Context())
    return any(same_meaning(apply(source, edit), wanted) for _, edit in zip(range(900), edits, strict=False))


@pytest.mark.parametrize("pair", [line for line in PAIRS.strip().split("\n") if "; " not in line])
def test_one_line_is_mended(pair: str) -> None:
    before, _, after = pair.partition(" ~> ")
    assert mended(before, after)


@pytest.mark.parametrize("name", BLOCKS)
def test_a_block_is_mended_where(name: str) -> None:
    assert mended(*BLOCKS[name])


def found(before: str, after: str, line: int = 1, message: str = "") -> bool:
    """The same for whole modules, with one suspicious line."""
    source = before.encode()
    edits = enumerate_edits("m.py", source, {line: 1.0}, Context(messages=(message,)))
    return any(same_meaning(apply(source, edit), after.encode()) for _, edit in zip(range(400), edits, strict=False))


def test_a_default_is_changed_though_only_the_body_is_suspicious() -> None:
    assert found("def f(a, n=1):\n    return a[n]\n", "def f(a, n=0):\n    return a[n]\n", 2)


def test_a_table_of_the_module_is_changed_though_only_its_reader_is_suspicious() -> None:
    before = "LIMITS = {'low': 1, 'high': 8}\ndef f(a):\n    return LIMITS[a]\n"
    assert found(before, before.replace("8", "9"), 3)


def test_parameters_change_places() -> None:
    assert found("def f(a, b):\n    return a\n", "def f(b, a):\n    return a\n", 2)


def test_a_decorator_is_taken_away_and_added() -> None:
    plain = "class A:\n    def size(self):\n        return 1\n"
    decorated = plain.replace("    def", "    @property\n    def")
    assert found(plain, decorated, 3)
    assert found(decorated, plain, 4)


def test_a_keyword_that_a_message_complains_of_becomes_a_known_parameter() -> None:
    before = "def g(width=1):\n    return width\ndef f(a):\n    return g(widht=a)\n"
    message = "TypeError: g() got an unexpected keyword argument 'widht'"
    assert found(before, before.replace("widht", "width"), 4, message)


def test_an_attribute_that_a_message_complains_of_becomes_a_known_one() -> None:
    before = "class A:\n    def start(self):\n        pass\n    def run(self):\n        self.strat()\n"
    message = "AttributeError: 'A' object has no attribute 'strat'. Did you mean: 'start'?"
    assert found(before, before.replace("strat", "start"), 5, message)


def test_a_missing_argument_is_given() -> None:
    before = "def g(a, b):\n    return a\ndef f(x, y):\n    return g(x)\n"
    assert found(
        before, before.replace("g(x)", "g(x, y)"), 4, "TypeError: g() missing 1 required positional argument: 'b'"
    )


@pytest.mark.parametrize(
    ("broken", "right"),
    [
        ("def f(a)\n    return a\n", "def f(a):\n    return a\n"),
        ("def f(a):\n    return (a\n", "def f(a):\n    return (a)\n"),
        ("def f(a):\n    if a = 1:\n        return a\n", "def f(a):\n    if a == 1:\n        return a\n"),
        ("def f(a):\n    b = a\n      return b\n", "def f(a):\n    b = a\n    return b\n"),
    ],
)
def test_a_file_that_does_not_parse_is_mended(broken: str, right: str) -> None:
    assert found(broken, right)
