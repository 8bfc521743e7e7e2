"""The audit chain shows every change."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st
from pi5.system.chain import GENESIS, Entry, entry_hash

texts = st.text(max_size=20)
entries = st.builds(
    Entry, st.integers(1, 9), st.integers(0, 10**15), texts, texts, texts, texts,
    st.dictionaries(texts, texts, max_size=3),
)  # fmt: skip


@given(entries, st.sampled_from(["actor", "action", "subject", "outcome"]), texts)
def test_changing_a_field_changes_the_hash(entry: Entry, field: str, text: str) -> None:
    """No field can be changed without changing the hash."""
    changed = replace(entry, **{field: text})
    same = getattr(entry, field) == text
    assert (entry_hash(GENESIS, entry) == entry_hash(GENESIS, changed)) == same


@given(entries)
def test_the_previous_hash_is_covered(entry: Entry) -> None:
    """The same entry behind another one has another hash."""
    assert entry_hash(GENESIS, entry) != entry_hash(bytes([1] * 32), entry)


def test_fields_cannot_be_shifted_into_each_other() -> None:
    """Moving text from one field to the next changes the hash."""
    one = Entry(1, 0, "ab", "c", "", "", {})
    two = Entry(1, 0, "a", "bc", "", "", {})
    assert entry_hash(GENESIS, one) != entry_hash(GENESIS, two)
