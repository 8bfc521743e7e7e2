"""The bridge: REST, WebSocket and the dashboard's files in front of the gRPC services."""
