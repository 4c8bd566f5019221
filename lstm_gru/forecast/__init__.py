"""Forecasts of anybody's series: sane settings from the series alone, networks beside trivial rules, and what wins."""
