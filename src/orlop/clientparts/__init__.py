"""The methods of the client by noun: classes that ``AsyncClient`` inherits."""
