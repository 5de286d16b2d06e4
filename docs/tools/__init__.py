"""What makes the site: files from outside docs, pages of results, the configuration page, pictures."""
