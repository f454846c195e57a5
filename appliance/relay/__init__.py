"""The relay: an accepted leg, a dialled leg, and the join between them."""
