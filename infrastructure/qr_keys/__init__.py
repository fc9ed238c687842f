"""The signing keys of static codes and offers, in one file outside the database."""
