"""How the world moves: the dynamics, one episode of them, and the ledger that comes out."""
