"""Turns found by a query: what is indexed of them, the stages that find, the packing."""
