"""What the bot costs and how long it takes, measured beside what a naive bot does. `make bench` runs it."""
