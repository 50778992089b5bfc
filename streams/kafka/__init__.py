"""The Kafka log backend."""
