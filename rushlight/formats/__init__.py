"""Readers and writers of files: strict about what they take, whole in what they leave behind."""
