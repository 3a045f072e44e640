"""A real Apicurio Registry on loopback, for tests and whoever wants to play with one."""
