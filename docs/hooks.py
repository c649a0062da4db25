"""What mkdocs calls while it builds the site: adds the generated pages."""

from __future__ import annotations

from generated import pages
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """The reference is made now, so that it cannot be out of date."""
    for path, content in pages().items():
        files.append(File.generated(config, path, content=content))
    return files
