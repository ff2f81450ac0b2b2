"""Pure knowledge of the exchange: states, routing, keys, policies, texts. No clock, no chance, no I/O."""
