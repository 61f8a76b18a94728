"""What every filter is built on: the protocol, the features of candidates, and runs of words."""
