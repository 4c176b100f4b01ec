"""Pages for people, written on the server without scripts."""
