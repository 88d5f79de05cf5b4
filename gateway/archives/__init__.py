"""Strict streaming readers of tar.gz and zip; they write nothing to disk and judge no content.

Library readers hide truncation and differ from version to version (reliability.md, chapter 0, findings 1 and 2), hence these. Every reader
proves the end of the archive; any doubt is an `ArchiveFault` with the finding that says what, and what was read before counts for nothing.
"""
