"""End-to-end tests of Apex: every one talks to the running services and checks their answers."""
