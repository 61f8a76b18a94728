"""Rankings to hard negatives: what may never be one, which window, which of it, and the report."""
