"""The example of the page of formats is genuine."""

from __future__ import annotations

import re

from domain.audit import policy, receipt, vkey
from domain.audit.merkle import hash_leaf
from tests.planted.bug import ROOT

PAGE = (ROOT / "docs/explanation/audit.md").read_text()


def test_the_example_of_a_receipt_is_proven_by_the_key_beside_it() -> None:
    [example] = re.findall(r"```\n(c2sp\.org/tlog-proof@v1\nextra A.*?)```", PAGE, re.DOTALL)
    [key] = re.findall(r"Example, with the key `([^`]*)`", PAGE)

    found = receipt.parse(example.encode())

    policy.of_keys(vkey.parse(key)).check(found.note)
    leaf = found.verify()
    assert (leaf.position, leaf.topic, len(leaf.state)) == (3, "wallet.captured", 178)
    assert f"`{hash_leaf(found.leaf_bytes).hex()}`" in PAGE
