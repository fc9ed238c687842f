"""The log as Parquet files, for questions over many events."""
