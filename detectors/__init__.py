"""One detector per file, and the registry that names them."""
