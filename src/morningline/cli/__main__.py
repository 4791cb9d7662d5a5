"""`python -m morningline.cli`: the same as the command `morningline`."""

from morningline.cli.main import main

main()
