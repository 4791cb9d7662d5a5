"""The feeds of racing: where races, runners, prices and results are collected from."""
