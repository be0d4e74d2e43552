"""``python -m sottovoce`` is ``sotto``."""

from .cli import main

raise SystemExit(main())
