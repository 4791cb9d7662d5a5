"""Horse racing: races, runners, results, prices, and what they say of the next race."""
