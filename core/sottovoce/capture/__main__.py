"""``python -m sottovoce.capture FOLDER``: the capture process. The recorder starts it."""

from __future__ import annotations

import logging
import sys
from pathlib import Path

from ..errors import SottovoceError
from ..host import start
from .process import capture


def main() -> int:
    logging.basicConfig(format="sotto: %(levelname)s: %(message)s")
    host = start()
    try:
        capture(host, Path(sys.argv[1]))
    except SottovoceError as error:
        print(f"sotto: {error}", file=sys.stderr)  # noqa: T201 - the host's standard error
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
