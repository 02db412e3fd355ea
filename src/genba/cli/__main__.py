"""`python -m genba.cli` is the `genba` command."""

from __future__ import annotations

from . import main

main()
