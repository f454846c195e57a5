"""What is kept for the record: the journal of associations, and the audit trail."""
