"""Market data: takes it in, holds it against the rules, stores it and hands it out."""
