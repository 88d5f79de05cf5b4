"""The collector rests while a tree lives, however many there are, and is as before when the last one is gone."""

from __future__ import annotations

import gc

from gateway.schematron.document import Document


def test_the_collector_rests_until_the_last_tree_is_gone() -> None:
    assert gc.isenabled()
    one, other = Document(b"<a><b>1</b></a>"), Document(b"<a/>")
    assert gc.isenabled()  # no tree yet
    assert len(one.tree.elements) == 2 and len(other.tree.elements) == 1
    assert not gc.isenabled()
    del one
    assert not gc.isenabled()
    del other
    assert gc.isenabled()


def test_a_collector_that_was_off_stays_off() -> None:
    gc.disable()
    try:
        document = Document(b"<a/>")
        assert document.tree.elements
        del document
        assert not gc.isenabled()
    finally:
        gc.enable()


def test_a_tree_let_go_of_leaves_nothing_to_collect_but_itself() -> None:
    gc.collect()
    document = Document(b"<a>" + b"<b c='1'>x</b>" * 1_000 + b"</a>")
    assert len(document.tree.elements) == 1_001
    del document
    assert gc.collect() < 10
