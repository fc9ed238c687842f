"""Stories: what merchants, payers and time do until an event of a certain type is recorded."""
