"""`python -m pixelmill` is the command `pixelmill`."""

from pixelmill.cli import main

if __name__ == "__main__":
    main()
