"""`pi5 up`: starts PostgreSQL and the eight services, keeps them alive, and stops them together."""
