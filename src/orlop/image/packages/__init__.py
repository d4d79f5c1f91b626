"""The packages of an image, and bills of materials made of them."""
