"""What must always be so beside the log itself: one file per subject."""
