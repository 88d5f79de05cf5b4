"""The concentrator: takes custody of invoice flows, judges them, routes them to the State and answers their partners."""
