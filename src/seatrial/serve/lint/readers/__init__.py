"""Readers: command lines and files of servers and clients -> `ServerConfig`, `ClientConfig`."""
