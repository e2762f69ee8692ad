"""The memory as a service: one process, one `OpticalMemory`, several doors.

The HTTP interface and the MCP server are here; other doors, such as a proxy, are given to
`create_app`. `pip install 'optimem[serve]'` and `'optimem[mcp]'`.
"""
