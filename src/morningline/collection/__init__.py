"""Collection: what is there and what is missing, day by day, and the way from a feed to facts."""
