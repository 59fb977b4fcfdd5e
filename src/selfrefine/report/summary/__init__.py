"""What a run says: ten sentences made of its tables' verdicts, and one page with all tables and figures."""
