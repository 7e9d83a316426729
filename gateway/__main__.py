"""python -m gateway: the same as the `tongban` command."""

from gateway.cli import main

main()
