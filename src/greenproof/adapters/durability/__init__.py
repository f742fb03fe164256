"""What makes a loop durable: steps that are recorded when they end, and are not taken again."""
