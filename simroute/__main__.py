"""`python -m simroute`."""

from simroute.cli import main

if __name__ == "__main__":
    main()
