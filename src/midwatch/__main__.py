"""`python -m midwatch` is the same program as `midwatch`."""

from midwatch.cli.main import main

if __name__ == "__main__":
    main()
