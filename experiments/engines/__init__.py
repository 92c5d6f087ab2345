"""Ways to run the shards of a sweep."""
