"""The small random model in DeepSeek-OCR's place."""

from tests.model.deepseek_ocr.conftest import brief, folder, reader

__all__ = ["brief", "folder", "reader"]
