"""What codes say."""
