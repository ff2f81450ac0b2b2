"""The adapter `amqp-push`: envelopes in a RabbitMQ queue of the recipient's own; bodies are fetched."""
