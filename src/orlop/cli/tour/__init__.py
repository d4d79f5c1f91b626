"""The tour: the whole journey on real images and real sockets, every answer checked."""
