"""The container of everything stored, and the `.omem` files made of it."""
