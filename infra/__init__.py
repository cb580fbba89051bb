"""The product's surroundings: the Dapr resources and the real chain on one machine; imports nothing above `events`."""
