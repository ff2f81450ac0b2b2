"""The acts of the demo, one module each: what a province sees of the exchange, told and checked."""
