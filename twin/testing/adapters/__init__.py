"""Adapters: simulators, ours and others', brought to the kit's protocol. They only translate."""
