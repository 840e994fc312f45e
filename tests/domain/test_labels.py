"""Labels of workers and tasks."""

from __future__ import annotations

import pytest

from midwatch.domain.errors import InputError
from midwatch.domain.labels import joined, missing, parse, split


def test_labels_are_read_from_lists_and_kept_in_one_order() -> None:
    found = parse(["gpu, arch=arm64,", "gpu"])
    assert found == ("arch=arm64", "gpu")
    assert split(joined(found)) == found
    assert (parse(""), split(joined(()))) == ((), ())


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("g pu", "'g pu' is no label"),
        ("=x", "is no label"),
        ("a=", "is no label"),
        ("a=b=c", "is no label"),
        ("a|b", "is no label"),
        ("gpü", "is no label"),
        ("x" * 64, "is no label"),
        ("arch=arm64,arch=x86", "the label arch is given twice: arch=arm64 and arch=x86"),
        ("gpu,gpu=a100", "the label gpu is given twice"),
        (",".join(f"l{n}" for n in range(21)), "there are 21 labels"),
    ],
)
def test_what_is_no_label_is_refused(given: str, said: str) -> None:
    with pytest.raises(InputError, match=said.replace("|", r"\|")):
        parse(given)


def test_what_is_missing_is_what_no_worker_has_or_all_that_none_has_together() -> None:
    assert missing((), []) == ()
    assert missing(("gpu",), [("gpu", "big")]) == ()
    assert missing(("big", "gpu"), [("gpu",)]) == ("big",)
    assert missing(("big", "gpu"), [("gpu",), ("big",)]) == ("big", "gpu")
