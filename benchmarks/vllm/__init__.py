"""Stored pages on a real vLLM server, beside our own generation; `python -m benchmarks.vllm`."""
