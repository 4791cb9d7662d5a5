"""Models: what is fitted on the past and says what it makes of an event to come."""
