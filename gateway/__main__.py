"""python -m gateway: the same as the `tongban` command."""

from gateway.cli import main

if __name__ == "__main__":  # the signing process imports this module too
    main()
