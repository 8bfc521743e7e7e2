"""Who may do what, what happened, how everything is: identity, configuration, audit, health."""
