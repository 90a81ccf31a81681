"""One folder for each chat. An adapter holds chat code only; the rules live in `bot`."""
