"""The collector rests while a tree lives, however many there are, and is as before when the last one is gone.

Other tests of this process may keep trees: what a document does is seen in how many hold the collector back.
"""

from __future__ import annotations

import gc
from collections.abc import Iterator

import pytest

from gateway.schematron.document import Document
from gateway.schematron.memory import Collector, collector


@pytest.fixture
def switched() -> Iterator[None]:
    """The collector as it was, whatever a test does with it."""
    was_on = gc.isenabled()
    yield
    (gc.enable if was_on else gc.disable)()


@pytest.mark.usefixtures("switched")
def test_the_collector_rests_until_the_last_one_lets_go() -> None:
    gc.enable()
    ours = Collector()
    ours.hold()
    ours.hold()
    assert not gc.isenabled()
    ours.let_go()
    assert not gc.isenabled()
    ours.let_go()
    assert gc.isenabled()


@pytest.mark.usefixtures("switched")
def test_a_collector_that_was_off_stays_off() -> None:
    gc.disable()
    ours = Collector()
    ours.hold()
    ours.let_go()
    assert not gc.isenabled()


def test_a_document_holds_it_back_for_as_long_as_its_tree_lives() -> None:
    before = collector.holders
    document = Document(b"<a><b>1</b></a>")
    assert collector.holders == before  # no tree yet
    assert len(document.tree.elements) == 2
    assert collector.holders == before + 1
    del document
    assert collector.holders == before


def test_a_document_that_is_none_holds_nothing_back() -> None:
    before = collector.holders
    with pytest.raises(ValueError, match="no XML"):
        assert Document(b"<a>").tree
    assert collector.holders == before


def test_a_tree_let_go_of_leaves_nothing_to_collect_but_itself() -> None:
    gc.collect()
    document = Document(b"<a>" + b"<b c='1'>x</b>" * 1_000 + b"</a>")
    assert len(document.tree.elements) == 1_001
    del document
    assert gc.collect() < 10
