"""KIE's HTTP API on loopback, for anyone's client: same wire, real MP4s, faults on demand."""
