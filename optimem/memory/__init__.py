"""`OpticalMemory`: remember turns, let them fade, read them back.

The logic over records, codec, decay and retrieval; knows renderer, model and store only by
their protocols.
"""

from optimem.memory.optical import OpticalMemory

__all__ = ["OpticalMemory"]
