"""The bridge to yoyo's own command: its backend over our connections."""
