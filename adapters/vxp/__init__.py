"""The national exchange's client API (VXP): its wire, and the hub's two sides of it."""
