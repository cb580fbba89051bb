"""What surrounds the product: the Dapr resources, and the real chain on one machine; knows nothing above `events`."""
