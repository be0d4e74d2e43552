"""The access token for gated repositories, kept by the system's keyring."""

from __future__ import annotations

import os

from ..errors import ConfigError

_SERVICE, _NAME = "sottovoce", "model hub"


def read() -> str | None:
    """The token that the person stored, else what ``HF_TOKEN`` holds. Asks the keyring."""
    import keyring
    import keyring.errors

    try:
        stored = keyring.get_password(_SERVICE, _NAME)
    except keyring.errors.NoKeyringError:
        stored = None  # nothing can have been stored
    except keyring.errors.KeyringError as error:
        raise ConfigError(f"the system's keyring cannot be read: {error}") from error
    return stored or os.environ.get("HF_TOKEN") or None


def write(token: str) -> None:
    """Keep a token. Raises ``ConfigError`` where this system has no keyring."""
    import keyring
    import keyring.errors

    try:
        keyring.set_password(_SERVICE, _NAME, token)
    except keyring.errors.NoKeyringError as error:
        raise ConfigError(
            "this system has no keyring to keep the token in (on Linux: GNOME Keyring, KWallet or "
            "KeePassXC); give it for one command instead, in the variable HF_TOKEN"
        ) from error
    except keyring.errors.KeyringError as error:
        raise ConfigError(f"the system's keyring did not take the token: {error}") from error


def forget() -> bool:
    """Delete the token; whether there was one."""
    import keyring
    import keyring.errors

    try:
        keyring.delete_password(_SERVICE, _NAME)
    except (keyring.errors.NoKeyringError, keyring.errors.PasswordDeleteError):
        return False
    except keyring.errors.KeyringError as error:
        raise ConfigError(f"the system's keyring did not give the token up: {error}") from error
    return True
