"""Models in a web page: the file that carries one there, and the engine that draws from it."""
