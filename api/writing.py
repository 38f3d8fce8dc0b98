"""Write the documents that are kept in step with the code: ``python -m api.writing``."""

import json
from pathlib import Path

from api.app import create_app
from api.context import Context
from api.description import describe
from api.docs import errors_as_markdown
from settings import Settings

DOCS = Path(__file__).parent.parent / "docs"


def documents() -> dict[Path, str]:
    """Each document's file and text."""
    app = create_app(Context(settings=Settings()))
    return {
        DOCS / "openapi.json": json.dumps(describe(app), indent=1, ensure_ascii=False) + "\n",
        DOCS / "errors.md": errors_as_markdown(),
    }


if __name__ == "__main__":
    for path, text in documents().items():
        path.write_text(text)
