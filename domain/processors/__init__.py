"""What processors do with money beside the payments of sessions: suspense and settlements."""
