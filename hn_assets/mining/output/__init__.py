"""What mining hands on: negatives, ledger, report, explanations and labels that may be missing."""
