"""Where the flows run: pools, limits, automations, storage, containers."""
