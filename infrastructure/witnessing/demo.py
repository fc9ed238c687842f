"""The demo's own witness: made at the first start, and demanded by the demo's sealer."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from domain.audit import policy as policies
from domain.audit.policy import Policy
from domain.audit.vkey import KEY_BYTES, VerifierKey
from infrastructure import private_files
from infrastructure.http_server import PortInUse, listen
from infrastructure.settings import Settings
from infrastructure.witnessing.home import WitnessHome, WitnessHomeError

NAME: Final = "localhost/qrledger-demo-witness"
LABEL: Final = "demo"


def policy_path(settings: Settings) -> Path:
    """The policy of a demo that has none of its own."""
    return settings.witness_folder / "policy"


def prepare(settings: Settings, logs: Sequence[VerifierKey], port: int) -> VerifierKey:
    """Make the witness if there is none, let it know the log, and write the sealer's policy.

    Raises:
        WitnessHomeError: the folder or a file in it cannot be used.
    """
    home = WitnessHome(settings.witness_folder)
    if home.folder.exists():
        key = home.key().verifier
    else:
        key = home.make(NAME, secrets.token_bytes(KEY_BYTES))
    known = Policy(logs=list(logs))
    demanded = Policy(
        list(logs), {LABEL: key}, quorum=LABEL, urls={key: f"http://127.0.0.1:{port}"}
    )
    for path, content in ((home.folder / "logs", known), (policy_path(settings), demanded)):
        try:
            private_files.replace(path, policies.encode(content))
        except OSError as error:
            text = f"{path} cannot be written: {error.strerror}"
            raise WitnessHomeError(text) from None
    return key


def free_port(settings: Settings) -> int:
    """QRLEDGER_WITNESS_PORT, or any free port if it is taken: by another demo, for example."""
    for port in (settings.witness_port, 0):
        try:
            with listen("127.0.0.1", port, setting="QRLEDGER_WITNESS_PORT") as listening:
                found: int = listening.getsockname()[1]
                return found
        except PortInUse:
            continue
    return settings.witness_port
