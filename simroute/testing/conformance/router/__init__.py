"""Runs of the LiteLLM Router."""
