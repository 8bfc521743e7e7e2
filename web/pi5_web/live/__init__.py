"""Live data over the WebSocket: encoded once, sent to everybody who listens."""
