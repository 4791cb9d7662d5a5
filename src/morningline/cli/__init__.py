"""The command line: turns names into objects, calls one act, renders."""
