"""Telling people that something went wrong."""
