"""The container of everything stored, and the `.omem` files of text and of images."""
