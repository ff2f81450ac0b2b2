-- Deliveries that wait for a person are few and looked for often.
CREATE INDEX delivery_held ON delivery (id) WHERE state = 'held';
