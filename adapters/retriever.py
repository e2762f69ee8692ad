"""A LangChain retriever over a memory."""

from langchain_core.callbacks import (
    AsyncCallbackManagerForRetrieverRun,
    CallbackManagerForRetrieverRun,
)
from langchain_core.documents import Document
from langchain_core.retrievers import BaseRetriever
from pydantic import ConfigDict, Field

from optimem.api.memory import OpticalMemory
from optimem.results import Recollection


def as_document(hit: Recollection) -> Document:
    """A recollection as a document; its certainty and age in the metadata."""
    return Document(
        id=hit.id,
        page_content=hit.text,
        metadata={
            "role": hit.role,
            "time": hit.time,
            "age": hit.age,
            "tier": hit.tier,
            "probability": hit.probability,
            "exact": hit.exact,
            "score": hit.score,
        },
    )


class OptimemRetriever(BaseRetriever):
    """The turns of a scope that bear most on a query, best first, none that does not.

    `k`: how many, also as an argument of `invoke`. `refresh`: what is recalled fades later.
    """

    model_config = ConfigDict(arbitrary_types_allowed=True)

    memory: OpticalMemory
    scope: str
    k: int = Field(default=4, ge=1)
    refresh: bool = True

    def _get_relevant_documents(
        self, query: str, *, run_manager: CallbackManagerForRetrieverRun, k: int | None = None
    ) -> list[Document]:
        hits = self.memory.recall(self.scope, query, k or self.k, refresh=self.refresh)
        return [as_document(hit) for hit in hits]

    async def _aget_relevant_documents(
        self, query: str, *, run_manager: AsyncCallbackManagerForRetrieverRun, k: int | None = None
    ) -> list[Document]:
        hits = await self.memory.arecall(self.scope, query, k or self.k, refresh=self.refresh)
        return [as_document(hit) for hit in hits]
