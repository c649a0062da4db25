"""failoverbench's scorecards: clients against one provider that misbehaves."""
