"""Where facts come from: files of any shape, through a declarative mapping."""
