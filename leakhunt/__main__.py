"""`python -m leakhunt`: the same door as the `leakhunt` command."""

from leakhunt.cli.main import main

if __name__ == "__main__":
    main()
