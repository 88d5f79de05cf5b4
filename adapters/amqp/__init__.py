"""The RabbitMQ broker: deposits of partners who publish, and the returns they take there; no stage and no decision stands here."""
