"""What a request to a model holds of a long conversation, so that the provider's prompt cache keeps
serving it: where its boundary is, what stands for the messages before it, and what is recalled.

`planner` decides, `boundary` by the prices of the cache, `layout` says what stands where. Messages
come as `facts` and go as `layout.Part`s: knows no API's messages and no framework's.
"""
