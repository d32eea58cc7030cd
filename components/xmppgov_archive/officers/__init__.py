"""Who may know whom a pseudonym means: requests, approvals by two officers, answers, keys."""
